package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/broker"
	"vigil/alerts/store"
	"vigil/app"
	"vigil/internal/terminal"
)

type alertsFlags struct {
	server, creds, config, camera, since string
	json, local                          bool
}

func alertsCommand() *cobra.Command {
	var f alertsFlags
	var follow bool
	c := &cobra.Command{
		Use:   "alerts",
		Short: "Follow alerts from NATS, show, export and acknowledge them",
		Long: `Follow alerts from NATS: a line for each message, until a signal ends it.
With --json, each line is the message itself, a CloudEvent.

The server is that of -c, of --server, or of $NATS_URL with $NATS_USER and $NATS_PASSWORD. ` +
			`With --local it is the store on this
machine, which has everything also while the configured server is away, and can be read while vigil does not run.`,
		Example: `  vigil alerts --since yesterday --camera yard
  vigil alerts --since 24h --follow=false --json
  vigil alerts list --since 2d
  vigil alerts show last
  vigil alerts ack 01JPB5Z7T2W4 --normal`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return followAlerts(cmd, f, !follow) },
	}
	p := c.PersistentFlags()
	p.BoolVar(&f.json, "json", false, "print JSON: of messages, the messages themselves, one a line")
	p.StringVar(&f.server, "server", "", "address of NATS (default $NATS_URL, else "+app.DefaultNATS+")")
	p.StringVar(&f.creds, "creds", "", "credentials `file` for NATS")
	p.StringVarP(&f.config, "config", "c", "", "take the server from this configuration `file`")
	p.BoolVar(&f.local, "local", false,
		"read the store of the vigil on this machine, in the data_dir of -c or the default one")
	p.StringVar(&f.camera, "camera", "", "only this camera's alerts")
	const since = "begin with the alerts since then: 24h or 2d ago, today, yesterday, 2026-11-20 or " +
		"2026-11-20T10:00, local `time`"
	c.Flags().StringVar(&f.since, "since", "", since)
	c.Flags().BoolVar(&follow, "follow", true, "go on with what comes; false ends after what there is")
	list := alertsListCommand(&f)
	list.Flags().StringVar(&f.since, "since", "", since)
	c.AddCommand(list, alertsShowCommand(&f), alertsExportCommand(&f), alertsAckCommand(&f))
	return c
}

// check gives from when on alerts are asked for; the zero time where --since is not given.
func (f alertsFlags) check() (since time.Time, err error) {
	if f.since != "" {
		if since, err = archive.ParseSince(f.since, time.Now()); err != nil {
			return since, fmt.Errorf("--since %w", err)
		}
	}
	if f.camera != "" {
		if err := alerts.ValidCamera(f.camera); err != nil {
			return since, usageError{fmt.Errorf("--camera: %w", err)}
		}
	}
	return since, nil
}

func (f alertsFlags) open(cmd *cobra.Command, write bool, onState func(string, error)) (*archive.Archive, error) {
	notes := cmd.ErrOrStderr()
	warnOfLogin(notes, "--server", f.server, ", or give -c")
	return app.OpenArchive(cmd.Context(), app.ArchiveOptions{
		File: f.config, Server: f.server, Creds: f.creds, Local: f.local, Write: write,
	}, archive.Observer{State: onState, Unreadable: func(numbers store.Ranges) {
		fmt.Fprintf(notes, "vigil: the server cannot read message %v of the stream: passed over\n", numbers)
	}, Damage: func(d store.Damage) {
		fmt.Fprintf(notes, "vigil: the store was damaged: stream %s: %d missing (%v), damaged files are kept in %s\n",
			d.Stream, d.Missing.Count(), d.Missing, d.KeptAside)
	}})
}

// with opens the alerts for a command that ends by itself.
func (f alertsFlags) with(cmd *cobra.Command, write bool, do func(a *archive.Archive, since time.Time) error) error {
	since, err := f.check()
	if err != nil {
		return err
	}
	a, err := f.open(cmd, write, nil)
	if err == nil {
		err = errors.Join(do(a, since), a.Close())
	}
	return interrupted(cmd.Context(), err)
}

// passedOver reports messages that are not vigil's.
func passedOver(notes io.Writer) func(string, error) {
	return func(subject string, err error) {
		fmt.Fprintf(notes, "vigil: a message on %s is passed over: %s\n", strconv.Quote(subject),
			terminal.Escape(err.Error()))
	}
}

func followAlerts(cmd *cobra.Command, f alertsFlags, once bool) error {
	since, err := f.check()
	if err != nil {
		return err
	}
	if once && since.IsZero() {
		return usageError{
			errors.New("--follow=false: give --since too, such as 24h; without it there is nothing to show " +
				"('vigil alerts list' shows what there is)"),
		}
	}
	ctx, out, notes := cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	a, err := f.open(cmd, false,
		func(state string, err error) {
			fmt.Fprintln(notes, "vigil:", terminal.Escape(broker.StateText(state, err)))
		})
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped by the user while connecting
		}
		return err
	}
	if !a.Running() && !once {
		fmt.Fprintln(notes, "vigil: no vigil runs on this store, so nothing new will come")
		once = true
	}
	err = a.Follow(ctx, archive.FollowOptions{
		Camera: f.camera, Since: since, Once: once, Invalid: passedOver(notes),
	}, func(m archive.Message) error {
		if f.json {
			return writeMessage(out, m.Raw)
		}
		_, err := fmt.Fprintln(out, alertLine(m.Alert))
		return err
	})
	return errors.Join(err, a.Close())
}

// writeMessage keeps a message on one line, whoever wrote it.
func writeMessage(w io.Writer, message []byte) error {
	var line bytes.Buffer
	if err := json.Compact(&line, message); err != nil {
		return fmt.Errorf("print alert: %w", err)
	}
	line.WriteByte('\n')
	_, err := w.Write(terminal.EscapeJSON(line.Bytes()))
	return err
}

// alertLine says one message in one line of usually under 110 columns: when, what, which alert, where, how far beyond
// the threshold, how long.
func alertLine(a alerts.Alert) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-6s  %s  %s", a.Time().Local().Format(time.DateTime), a.Phase,
		archive.ShortID(a.ID), a.Camera)
	if len(a.Zones) > 0 {
		fmt.Fprintf(&b, "  %s", terminal.Printable(strings.Join(a.Zones, ", ")))
	}
	if a.Kind != alerts.KindAnomaly {
		fmt.Fprintf(&b, "  %s", terminal.Printable(string(a.Kind)))
	}
	if r := a.Measurement; r != nil {
		fmt.Fprintf(&b, "  peak %.4g of %.4g", r.PeakError, r.Threshold)
	}
	fmt.Fprintf(&b, "  %.1f s", a.DurationSeconds)
	if a.EndReason != "" {
		fmt.Fprintf(&b, "  %s", terminal.Printable(string(a.EndReason)))
	}
	return b.String()
}

// warnOfLogin warns of the address of a NATS server on the command line that has a password or a token in it.
func warnOfLogin(w io.Writer, flag, address, or string) {
	if shown := broker.RedactURL(address); strings.Contains(shown, "@") {
		fmt.Fprintf(w, "vigil: warning: %s %s was given with a password or a token, which every user of this machine "+
			"can read in the list of processes; set $NATS_USER and $NATS_PASSWORD instead%s\n", flag,
			terminal.Escape(shown), or)
	}
}
