package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts/broker"
	"vigil/alerts/outbox"
)

func outboxCommand() *cobra.Command {
	f := alertsFlags{local: true}
	c := &cobra.Command{
		Use:   "outbox",
		Short: "Show alerts that a way out refuses, try them again or drop them",
		Long: "An alert that a way out refuses for what is in it, as a webhook with the status 400, is tried for " +
			"outbox.set_aside_after, then it is set\n" +
			"aside and the next ones go on. These commands read the store on this machine, in the data_dir of -c or " +
			"the default one, while vigil\n" +
			"runs there or not.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.PersistentFlags().StringVarP(&f.config, "config", "c", "", "configuration `file` with the data_dir")
	c.AddCommand(outboxListCommand(&f),
		outboxChangeCommand(&f, "retry", "Try alerts again that were set aside", "will be tried again",
			outbox.RetryAside),
		outboxChangeCommand(&f, "drop", "Forget alerts that were set aside; they stay in the store of alerts",
			"dropped", outbox.DropAside))
	return c
}

// withAside hands over what is set aside in the store on this machine.
func withAside(cmd *cobra.Command, f alertsFlags, do func(ctx context.Context, src *alertSource,
	all []outbox.Aside) error,
) error {
	ctx := cmd.Context()
	src, err := f.open(cmd, nil)
	if err != nil {
		return interrupted(ctx, err)
	}
	all, err := outbox.ListAside(ctx, src.JetStream())
	if err == nil {
		err = do(ctx, src, all)
	}
	return interrupted(ctx, errors.Join(err, src.Close()))
}

func outboxListCommand(f *alertsFlags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List what is set aside, by way and camera, in its order",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAside(cmd, *f, func(_ context.Context, _ *alertSource, all []outbox.Aside) error {
				if asJSON {
					for _, a := range all {
						text, err := json.Marshal(a)
						if err == nil {
							err = writeMessage(cmd.OutOrStdout(), text)
						}
						if err != nil {
							return err
						}
					}
					return nil
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				if len(all) > 0 {
					fmt.Fprintln(w, "ID\tWAY\tCAMERA\tSINCE\tREASON")
				}
				for _, a := range all {
					reason := a.Reason
					if a.Retry {
						reason = "to be tried again; " + reason
					}
					fmt.Fprintln(w, strings.Join([]string{
						printable(a.MessageID), printable(a.Sink), printable(a.Camera),
						a.Since.Local().Format(time.DateTime), printable(reason),
					}, "\t"))
				}
				return w.Flush()
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one a line, with the messages themselves")
	return c
}

func outboxChangeCommand(f *alertsFlags, name, short, done string, change func(context.Context, broker.JetStream,
	outbox.Aside) error,
) *cobra.Command {
	var everything bool
	c := &cobra.Command{
		Use:   name + " ID...|--all",
		Short: short,
		Long: short +
			". ID is a message's id as 'vigil outbox list' shows it, or its beginning, which may be several messages'.",
		Example: "  vigil outbox " + name + " 01JPB5Z7T2W4K8M3N6Q9R1S5VX:0\n  vigil outbox " + name + " --all",
		RunE: func(cmd *cobra.Command, ids []string) error {
			if everything == (len(ids) > 0) || slices.Contains(ids, "") {
				return usageError{errors.New("give either ids, as 'vigil outbox list' shows them, or --all")}
			}
			return withAside(cmd, *f, func(ctx context.Context, src *alertSource, all []outbox.Aside) error {
				chosen, err := chooseAside(all, ids)
				if err != nil {
					return err
				}
				if everything {
					chosen = all
				}
				for _, a := range chosen {
					if err := change(ctx, src.JetStream(), a); err != nil {
						return err
					}
					fmt.Fprintf(cmd.OutOrStdout(), "%s to %s %s\n", printable(a.MessageID), printable(a.Sink), done)
				}
				if name == "retry" && src.still() {
					fmt.Fprintln(cmd.ErrOrStderr(), "vigil: no vigil runs on this store; the next one tries them")
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&everything, "all", false, "all that is set aside")
	return c
}

// chooseAside gives those that ids mean: a whole id means that one, though others begin with it.
func chooseAside(all []outbox.Aside, ids []string) (chosen []outbox.Aside, err error) {
	means := map[string]func(string) bool{}
	for _, id := range ids {
		whole := func(of string) bool { return strings.EqualFold(of, id) }
		begins := func(of string) bool { return len(of) >= len(id) && strings.EqualFold(of[:len(id)], id) }
		switch {
		case slices.ContainsFunc(all, func(a outbox.Aside) bool { return whole(a.MessageID) }):
			means[id] = whole
		case slices.ContainsFunc(all, func(a outbox.Aside) bool { return begins(a.MessageID) }):
			means[id] = begins
		default:
			return nil, usageError{
				fmt.Errorf("nothing is set aside whose id begins with %q; 'vigil outbox list' shows what is", id),
			}
		}
	}
	for _, a := range all {
		if slices.ContainsFunc(ids, func(id string) bool { return means[id](a.MessageID) }) {
			chosen = append(chosen, a)
		}
	}
	return chosen, nil
}
