package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"vigil/alerts/archive"
	"vigil/alerts/outbox"
	"vigil/app"
	"vigil/internal/terminal"
)

func outboxCommand() *cobra.Command {
	f := alertsFlags{local: true}
	c := &cobra.Command{
		Use:   "outbox",
		Short: "List, retry or drop alerts that a sink refuses",
		Long: "An alert that a sink refuses because of its content, such as a webhook with status 400, is\n" +
			"retried for outbox.set_aside_after, then set aside, and delivery continues with the next one.\n" +
			"These commands read the store on this machine, in the data_dir of -c or the default one,\n" +
			"whether vigil runs or not.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.PersistentFlags().StringVarP(&f.config, "config", "c", "", "configuration `file` with the data_dir")
	c.AddCommand(outboxListCommand(&f),
		outboxChangeCommand(&f, "retry", "Retry alerts that were set aside", "will be retried",
			(*archive.Archive).Retry),
		outboxChangeCommand(&f, "drop", "Drop alerts that were set aside; they stay in the store of alerts",
			"dropped", (*archive.Archive).Drop))
	return c
}

// withAside opens the set-aside alerts of the store on this machine.
func withAside(cmd *cobra.Command, f alertsFlags, do func(a *archive.Archive, all []outbox.Aside) error) error {
	o, _ := archive.Notes(noteTo(cmd.ErrOrStderr()))
	o.State = nil
	a, err := app.OpenArchive(cmd.Context(), f.options(cmd, false), o)
	if err != nil {
		return interrupted(cmd.Context(), err)
	}
	all, err := a.SetAside(cmd.Context())
	if err == nil {
		err = do(a, all)
	}
	return interrupted(cmd.Context(), errors.Join(err, a.Close()))
}

func outboxListCommand(f *alertsFlags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the alerts that are set aside, by sink and camera, in order",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAside(cmd, *f, func(_ *archive.Archive, all []outbox.Aside) error {
				if !asJSON {
					return archive.WriteAside(cmd.OutOrStdout(), all)
				}
				for _, m := range all {
					if err := archive.WriteJSON(cmd.OutOrStdout(), m); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one entry per line, with the messages")
	return c
}

func outboxChangeCommand(f *alertsFlags, name, short, done string,
	change func(*archive.Archive, context.Context, outbox.Aside) error,
) *cobra.Command {
	var everything bool
	c := &cobra.Command{
		Use:   name + " ID...|--all",
		Short: short,
		Long: short +
			". ID is a message's id as 'vigil outbox list' shows it, or a prefix, which may match several messages.",
		Example: "  vigil outbox " + name + " 01JPB5Z7T2W4K8M3N6Q9R1S5VX:0\n  vigil outbox " + name + " --all",
		RunE: func(cmd *cobra.Command, ids []string) error {
			if everything == (len(ids) > 0) || slices.Contains(ids, "") {
				return app.Usage(errors.New("give either ids, as 'vigil outbox list' shows them, or --all"))
			}
			return withAside(cmd, *f, func(a *archive.Archive, chosen []outbox.Aside) (err error) {
				if !everything {
					if chosen, err = archive.ChooseAside(chosen, ids); err != nil {
						return err
					}
				}
				for _, m := range chosen {
					if err := change(a, cmd.Context(), m); err != nil {
						return err
					}
					fmt.Fprintf(cmd.OutOrStdout(), "%s to %s %s\n", terminal.Printable(m.MessageID),
						terminal.Printable(m.Sink), done)
				}
				if name == "retry" && !a.Running() {
					fmt.Fprintln(cmd.ErrOrStderr(), "vigil: no vigil runs on this store; the next one retries them")
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&everything, "all", false, "everything that is set aside")
	return c
}
