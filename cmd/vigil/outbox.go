package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
			(*archive.Archive).Retry),
		outboxChangeCommand(&f, "drop", "Forget alerts that were set aside; they stay in the store of alerts",
			"dropped", (*archive.Archive).Drop))
	return c
}

// withAside hands over what is set aside in the store on this machine.
func withAside(cmd *cobra.Command, f alertsFlags, do func(a *archive.Archive, all []outbox.Aside) error) error {
	return f.with(cmd, false, func(a *archive.Archive, _ time.Time) error {
		all, err := a.SetAside(cmd.Context())
		if err != nil {
			return err
		}
		return do(a, all)
	})
}

func outboxListCommand(f *alertsFlags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List what is set aside, by way and camera, in its order",
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
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one a line, with the messages themselves")
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
			". ID is a message's id as 'vigil outbox list' shows it, or its beginning, which may be several messages'.",
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
					fmt.Fprintln(cmd.ErrOrStderr(), "vigil: no vigil runs on this store; the next one tries them")
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&everything, "all", false, "all that is set aside")
	return c
}
