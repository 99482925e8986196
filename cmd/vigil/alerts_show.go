package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts/archive"
	"vigil/app"
	"vigil/internal/terminal"
)

// alertCommand is a command for one alert; do is called with everything that is stored of it.
func alertCommand(f *alertsFlags, use, about string, args int, write bool,
	do func(cmd *cobra.Command, args []string, a app.AlertSource, r *archive.Record) error,
) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: about, Args: cobra.ExactArgs(args), ValidArgsFunction: completeAlert(f),
		Long: about + ".\n\nID is a unique prefix of an alert's id, as 'vigil alerts list' shows " +
			"it; last is the alert that began\nlast, with --camera the last of that camera.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := archive.CheckID(args[0]); err != nil {
				return err
			}
			return f.with(cmd, write, func(a app.AlertSource, _ time.Time) error {
				r, err := a.Show(cmd.Context(), args[0], f.camera)
				if r != nil && len(r.Unreadable) > 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "vigil: evidence cannot be read: %s\n",
						terminal.Escape(strings.Join(r.Unreadable, ", ")))
				}
				if err != nil {
					return err
				}
				return do(cmd, args, a, r)
			})
		},
	}
}

func alertsShowCommand(f *alertsFlags) *cobra.Command {
	return alertCommand(f, "show ID|last", "Show an alert: its messages, its evidence and its acknowledgement", 1,
		false,
		func(cmd *cobra.Command, _ []string, _ app.AlertSource, r *archive.Record) error {
			if f.json {
				return archive.WriteJSON(cmd.OutOrStdout(), r)
			}
			_, err := fmt.Fprint(cmd.OutOrStdout(), r)
			return err
		})
}

func alertsExportCommand(f *alertsFlags) *cobra.Command {
	return alertCommand(f, "export ID|last DIR",
		"Export an alert's messages and evidence to a folder, with checked digests",
		2,
		false, func(cmd *cobra.Command, args []string, _ app.AlertSource, r *archive.Record) error {
			written, err := r.Export(cmd.Context(), args[1])
			if f.json {
				return errors.Join(err, archive.WriteJSON(cmd.OutOrStdout(), exported{append([]string{}, written...)}))
			}
			for _, path := range written {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return err
		})
}

// exported are the files that an export has written.
type exported struct {
	Files []string `json:"files"`
}

func alertsAckCommand(f *alertsFlags) *cobra.Command {
	var by string
	var normal bool
	c := alertCommand(f, "ack ID|last",
		"Acknowledge an alert: keeps who and when; with --normal also what the model saw, for training", 1, true,
		func(cmd *cobra.Command, _ []string, a app.AlertSource, r *archive.Record) error {
			ack, err := a.Acknowledge(cmd.Context(), r, cmp.Or(by, whoAmI()), normal)
			if err != nil {
				return err
			}
			if f.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(ack)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), archive.AckLine(ack))
			return err
		})
	c.Flags().StringVar(&by, "by", "", "name of the person who acknowledges (default: the user's name)")
	c.Flags().BoolVar(&normal, "normal", false,
		"what was reported is normal there: keep what the model saw of it for training")
	return c
}

func whoAmI() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}
