package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/config"
)

const defaultNATS = "nats://127.0.0.1:4222"

type alertsFlags struct {
	json   bool
	server string
	creds  string
	config string
	camera string
	since  time.Duration
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
			"The server is that of -c, of --server, or of $NATS_URL with $NATS_USER and $NATS_PASSWORD.",
		Example: "  vigil alerts --since 24h --camera yard\n  vigil alerts --since 24h --follow=false --json\n  vigil alerts show 01JPB5Z7T2W4K8M3N6Q9R1S5VX",
		Args:    cobra.NoArgs,
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
	c.Flags().StringVar(&f.camera, "camera", "", "only this camera's alerts")
	c.Flags().DurationVar(&f.since, "since", 0, "begin with the alerts of this long, such as 24h")
	c.Flags().BoolVar(&follow, "follow", true, "go on with what comes; false ends after what there is")
	c.AddCommand(alertsShowCommand(&f), alertsExportCommand(&f), alertsAckCommand(&f))
	return c
}

// natsOptions is the one place that decides which NATS the commands talk to.
func (f alertsFlags) natsOptions() (broker.DialOptions, error) {
	if f.config != "" {
		if f.server != "" || f.creds != "" {
			return broker.DialOptions{}, usageError{errors.New("give either -c or --server and --creds, not both")}
		}
		return configuredNATS(f.config)
	}
	o := broker.DialOptions{
		URL: cmp.Or(f.server, os.Getenv("NATS_URL"), defaultNATS), Creds: f.creds, User: os.Getenv("NATS_USER"), Password: os.Getenv("NATS_PASSWORD"),
	}
	if err := broker.CheckURL(o.URL); err != nil {
		return broker.DialOptions{}, usageError{err}
	}
	return o, nil
}

// configuredNATS is the server that a configuration's alerts are read from: the external one, or the one inside vigil.
func configuredNATS(file string) (broker.DialOptions, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return broker.DialOptions{}, usageError{err}
	}
	if cfg.NATS.URL != "" {
		return dialOptions(cfg.NATS), nil
	}
	e := cfg.NATS.Embedded
	if e.Port == 0 {
		return broker.DialOptions{}, usageError{fmt.Errorf("%s: nats.embedded.port is any free one: give --server with the address that vigil run logs", file)}
	}
	host := e.Host
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return broker.DialOptions{URL: "nats://" + net.JoinHostPort(host, strconv.Itoa(e.Port)), User: e.User, Password: e.Password.Reveal()}, nil
}

func followAlerts(cmd *cobra.Command, f alertsFlags) error {
	o, err := f.natsOptions()
	if err != nil {
		return err
	}
	if f.once && f.since == 0 {
		return usageError{errors.New("--follow=false: give --since too, such as 24h; without it there is nothing to show")}
	}
	if f.since < 0 {
		return usageError{fmt.Errorf("--since %v: give a positive duration such as 24h", f.since)}
	}
	if f.camera != "" {
		if err := alerts.ValidCamera(f.camera); err != nil {
			return usageError{fmt.Errorf("--camera: %w", err)}
		}
	}
	ctx, out, notes := cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	o.OnState = func(state string, err error) { fmt.Fprintln(notes, "vigil:", stateLine(state, err)) }
	conn, err := broker.Dial(ctx, o)
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped by the user while connecting
		}
		return err
	}
	err = conn.FollowRaw(ctx, broker.FollowOptions{
		Camera: f.camera,
		Since:  f.since,
		Once:   f.once,
		Invalid: func(subject string, err error) {
			fmt.Fprintf(notes, "vigil: a message on %s is passed over: %v\n", strconv.Quote(subject), err)
		},
	}, func(a alerts.Alert, message []byte) error {
		if f.json {
			return writeMessage(out, message)
		}
		_, err := fmt.Fprintln(out, alertLine(a))
		return err
	})
	if closeErr := conn.Close(); err == nil {
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
	_, err := w.Write(line.Bytes())
	return err
}

// alertLine says one message in one line: when, what, where, how far beyond the threshold, how long.
func alertLine(a alerts.Alert) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-6s  %s", a.Time().Local().Format(time.DateTime), a.Phase, a.Camera)
	if len(a.Zones) > 0 {
		fmt.Fprintf(&b, "  %s", printable(strings.Join(a.Zones, ", ")))
	}
	if a.Kind != alerts.KindAnomaly {
		fmt.Fprintf(&b, "  %s", a.Kind)
	}
	if r := a.Reading; r != nil {
		fmt.Fprintf(&b, "  regularity %.2f  peak %.4g of %.4g", r.PeakRegularity, r.PeakError, r.Threshold)
	}
	fmt.Fprintf(&b, "  %.1f s", a.DurationSeconds)
	if a.EndReason != "" {
		fmt.Fprintf(&b, "  %s", a.EndReason)
	}
	return b.String()
}

// printable keeps names that come over the network from steering the terminal.
func printable(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}
