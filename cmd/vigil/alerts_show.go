package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/internal/terminal"
)

// alertCommand is a command for one alert, which do is given with everything that is kept of it.
func alertCommand(f *alertsFlags, use, about string, args int, write bool,
	do func(cmd *cobra.Command, args []string, a *archive.Archive, r *archive.Record) error,
) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: about, Args: cobra.ExactArgs(args),
		Long: about + ".\n\nID is the beginning of an alert's id that no other one has, as 'vigil alerts list' shows " +
			"them; last is the alert that began\nlast, with --camera that one's.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := archive.CheckID(args[0]); err != nil {
				return err
			}
			return f.with(cmd, write, func(a *archive.Archive, _ time.Time) error {
				r, err := a.Show(cmd.Context(), args[0], f.camera)
				if r != nil && len(r.Unreadable) > 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "vigil: pieces of evidence cannot be read: %s\n",
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
	return alertCommand(f, "show ID|last", "Show one alert: its messages, its evidence, and who acknowledged it", 1,
		false,
		func(cmd *cobra.Command, _ []string, _ *archive.Archive, r *archive.Record) error {
			if !f.json {
				printRecord(cmd.OutOrStdout(), r)
				return nil
			}
			text, err := json.Marshal(r)
			if err != nil {
				return err
			}
			return writeMessage(cmd.OutOrStdout(), text)
		})
}

func alertsExportCommand(f *alertsFlags) *cobra.Command {
	return alertCommand(f, "export ID|last DIR", "Write one alert's messages and evidence to a folder, digests checked",
		2,
		false, func(cmd *cobra.Command, args []string, _ *archive.Archive, r *archive.Record) error {
			written, err := r.Export(cmd.Context(), args[1])
			for _, path := range written {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return err
		})
}

func alertsAckCommand(f *alertsFlags) *cobra.Command {
	var by string
	var normal bool
	c := alertCommand(f, "ack ID|last",
		"Acknowledge an alert: keeps who and when; with --normal also what the model saw, to learn from", 1, true,
		func(cmd *cobra.Command, _ []string, a *archive.Archive, r *archive.Record) error {
			ack, err := a.Acknowledge(cmd.Context(), r, cmp.Or(by, whoAmI()), normal)
			if err != nil {
				return err
			}
			if f.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(ack)
			}
			kept := ""
			switch {
			case normal && len(ack.Clips) == 0:
				kept = " as normal; what the model saw of it is not kept, so there is nothing to learn from"
			case normal:
				kept = " as normal, " + clipsKept(len(ack.Clips))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s acknowledged by %s%s\n", ack.AlertID,
				terminal.Printable(ack.By), kept)
			return err
		})
	c.Flags().StringVar(&by, "by", "", "who acknowledges (default: the user's name)")
	c.Flags().BoolVar(&normal, "normal", false,
		"what was reported is normal there: keep what the model saw of it to learn from")
	return c
}

func printRecord(w io.Writer, r *archive.Record) {
	a, line := r.Last, func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-12s %s\n", name, terminal.Printable(fmt.Sprintf(format, args...)))
	}
	at := func(m alerts.Moment) string {
		return fmt.Sprintf("%s  second %.1f  frame %d", m.Wall.Local().Format("2006-01-02 15:04:05.000"),
			m.StreamSeconds, m.Frame)
	}
	line("alert", "%s  %s", a.ID, a.Kind)
	line("camera", "%s  %dx%d", a.Camera, a.Source.Width, a.Source.Height)
	if len(a.Zones) > 0 {
		line("zones", "%s", strings.Join(a.Zones, ", "))
	}
	line("start", "%s", at(a.Start))
	line("peak", "%s", at(a.Peak))
	if a.End != nil {
		line("end", "%s  %s after %.1f s", at(*a.End), a.EndReason, a.DurationSeconds)
	} else {
		line("end", "goes on since %.1f s", a.DurationSeconds)
	}
	if m := a.Measurement; m != nil {
		line("reading", "regularity %.2f  error %.4g of %.4g  severity %.2f", m.PeakRegularity, m.PeakError,
			m.Threshold,
			m.Severity)
	}
	line("model", "%s  %.12s  calibration %s", a.Model.Name, a.Model.Hash, cmp.Or(a.CalibrationID, "none"))
	line("messages", "%d", len(r.Messages))
	for _, e := range r.Evidence {
		line("evidence", "%-10s %9d bytes  %s", e.MediaType, e.Bytes, e.Name)
	}
	if len(r.Evidence) == 0 && len(a.Evidence) > 0 {
		line("evidence", "%d pieces, which are no longer kept", len(a.Evidence))
	}
	if k := r.Ack; k != nil {
		word := "seen"
		if k.Normal {
			word = "normal, " + clipsKept(len(k.Clips))
		}
		line("acknowledged", "%s  %s  %s", k.By, k.At.Local().Format(time.DateTime), word)
	}
}

func clipsKept(n int) string {
	if n == 1 {
		return "1 clip kept to learn from"
	}
	return fmt.Sprintf("%d clips kept to learn from", n)
}

func whoAmI() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}
