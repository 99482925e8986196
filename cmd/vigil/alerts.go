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
)

type alertsFlags struct {
	json   bool
	server string
	creds  string
	config string
	camera string
	since  string
	local  bool
	once   bool
}

func alertsCommand() *cobra.Command {
	var f alertsFlags
	var follow bool
	c := &cobra.Command{
		Use:   "alerts",
		Short: "Follow alerts from NATS, show, export and acknowledge them",
		Long: "Follow alerts from NATS: a line for each message, until a signal ends it.\n" +
			"With --json, each line is the message itself, a CloudEvent.\n\n" +
			"The server is that of -c, of --server, or of $NATS_URL with $NATS_USER and $NATS_PASSWORD. With --local " +
			"it is the store on this\n" +
			"machine, which has everything also while the configured server is away, and can be read while vigil " +
			"does not run.",
		Example: "  vigil alerts --since yesterday --camera yard\n  vigil alerts --since 24h --follow=false --json\n " +
			" vigil alerts list --since 2d\n" +
			"  vigil alerts show last\n  vigil alerts ack 01JPB5Z7T2W4 --normal",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.once = !follow
			return followAlerts(cmd, f)
		},
	}
	p := c.PersistentFlags()
	p.BoolVar(&f.json, "json", false, "print JSON: of messages, the messages themselves, one a line")
	p.StringVar(&f.server, "server", "", "address of NATS (default $NATS_URL, else "+defaultNATS+")")
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

// check looks at what chooses the alerts, and says from when on; zero where --since is not given.
func (f alertsFlags) check(now time.Time) (since time.Time, err error) {
	if f.since != "" {
		if since, err = parseSince(f.since, now); err != nil {
			return since, usageError{err}
		}
	}
	if f.camera != "" {
		if err := alerts.ValidCamera(f.camera); err != nil {
			return since, usageError{fmt.Errorf("--camera: %w", err)}
		}
	}
	return since, nil
}

// passedOver says which messages are none of vigil's.
func passedOver(notes io.Writer) func(string, error) {
	return func(subject string, err error) {
		fmt.Fprintf(notes, "vigil: a message on %s is passed over: %s\n", strconv.Quote(subject), harmless(err.Error()))
	}
}

func followAlerts(cmd *cobra.Command, f alertsFlags) error {
	since, err := f.check(time.Now())
	if err != nil {
		return err
	}
	if f.once && since.IsZero() {
		return usageError{
			errors.New("--follow=false: give --since too, such as 24h; without it there is nothing to show ('vigil " +
				"alerts list' shows what there is)"),
		}
	}
	ctx, out, notes := cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	src, err := f.open(cmd,
		func(state string, err error) { fmt.Fprintln(notes, "vigil:", harmless(stateLine(state, err))) })
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped by the user while connecting
		}
		return err
	}
	if src.still() && !f.once {
		fmt.Fprintln(notes, "vigil: no vigil runs on this store, so nothing new will come")
		f.once = true
	}
	err = archive.New(src.Conn).Follow(ctx, archive.FollowOptions{
		Camera: f.camera, Since: since, Once: f.once, Invalid: passedOver(notes),
	}, func(m archive.Message) error {
		if f.json {
			return writeMessage(out, m.Raw)
		}
		_, err := fmt.Fprintln(out, alertLine(m.Alert))
		return err
	})
	if closeErr := src.Close(); err == nil {
		err = closeErr
	}
	return err
}

func stateLine(state string, err error) string {
	switch {
	case state == broker.StateDisconnected:
		return fmt.Sprintf("connection to NATS lost, trying again: %v", err)
	case state == broker.StateReconnected:
		return "connected to NATS again"
	case state == broker.StateWaiting:
		return err.Error()
	case err != nil:
		return fmt.Sprintf("NATS %s: %v", state, err)
	}
	return "NATS " + state
}

// writeMessage keeps a message on one line, whoever wrote it.
func writeMessage(w io.Writer, message []byte) error {
	var line bytes.Buffer
	if err := json.Compact(&line, message); err != nil {
		return fmt.Errorf("print alert: %w", err)
	}
	line.WriteByte('\n')
	_, err := w.Write(harmlessJSON(line.Bytes()))
	return err
}

// alertLine says one message in one line of usually under 110 columns: when, what, which alert, where, how far beyond
// the threshold, how long.
func alertLine(a alerts.Alert) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-6s  %s  %s", a.Time().Local().Format(time.DateTime), a.Phase, archive.ShortID(a.ID), a.Camera)
	if len(a.Zones) > 0 {
		fmt.Fprintf(&b, "  %s", printable(strings.Join(a.Zones, ", ")))
	}
	if a.Kind != alerts.KindAnomaly {
		fmt.Fprintf(&b, "  %s", printable(string(a.Kind)))
	}
	if r := a.Measurement; r != nil {
		fmt.Fprintf(&b, "  peak %.4g of %.4g", r.PeakError, r.Threshold)
	}
	fmt.Fprintf(&b, "  %.1f s", a.DurationSeconds)
	if a.EndReason != "" {
		fmt.Fprintf(&b, "  %s", printable(string(a.EndReason)))
	}
	return b.String()
}
