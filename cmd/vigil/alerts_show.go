package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/broker"
	"vigil/alerts/evidence"
)

// dossier is everything that is kept of one alert.
type dossier struct {
	Alert    json.RawMessage   `json:"alert"`    // the data of the last message
	Messages []json.RawMessage `json:"messages"` // CloudEvents, in their order
	Evidence []object          `json:"evidence"` // what there is now
	Ack      *alerts.Ack       `json:"ack,omitempty"`

	last   alerts.Alert
	conn   *broker.Conn
	reader *evidence.Reader
	pieces []evidence.Piece
}

// object is a piece of evidence in the object store.
type object struct {
	Bucket    string `json:"bucket"`
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Bytes     uint64 `json:"bytes"`
	SHA256    string `json:"sha256"`
}

// aboutIDs is what the commands for one alert say of its id.
const aboutIDs = "ID is the beginning of an alert's id that no other one has, as 'vigil alerts list' shows them; " +
	"last is the alert that began\n" +
	"last, with --camera that one's."

// withAlert connects, finds an alert and hands over what is kept of it.
func withAlert(cmd *cobra.Command, f alertsFlags, id string, do func(ctx context.Context, d *dossier) error) error {
	return withAlertOf(cmd, f, func() (*alertSource, error) { return f.open(cmd, nil) }, id, do)
}

func withAlertOf(cmd *cobra.Command, f alertsFlags, open func() (*alertSource, error), id string,
	do func(ctx context.Context, d *dossier) error,
) error {
	if err := archive.CheckID(id); err != nil {
		return err
	}
	if _, err := f.check(time.Now()); err != nil {
		return err
	}
	ctx := cmd.Context()
	src, err := open()
	if err != nil {
		return interrupted(ctx, err)
	}
	var d *dossier
	if id, err = archive.New(src.Conn).Resolve(ctx, id, f.camera); err == nil {
		d, err = openDossier(ctx, src.Conn, id)
	}
	if d != nil && len(d.reader.Damaged()) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "vigil: pieces of evidence cannot be read: %s\n",
			harmless(strings.Join(d.reader.Damaged(), ", ")))
	}
	if err == nil {
		err = do(ctx, d)
	}
	return interrupted(ctx, errors.Join(err, src.Close()))
}

func openDossier(ctx context.Context, conn *broker.Conn, id string) (*dossier, error) {
	found, err := archive.New(conn).Messages(ctx, id)
	if err != nil {
		return nil, err
	}
	d := &dossier{conn: conn, Evidence: []object{}, reader: evidence.NewReader(conn.JetStream())}
	var messages []alerts.Alert
	for _, m := range found {
		d.Messages = append(d.Messages, m.Raw)
		messages = append(messages, m.Alert)
		d.last = m.Alert
	}
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(found[len(found)-1].Raw, &envelope); err != nil {
		return nil, err
	}
	d.Alert = envelope.Data
	if d.pieces, err = d.reader.Of(ctx, messages...); err != nil {
		return nil, err
	}
	for _, p := range d.pieces {
		sum, err := evidence.DigestOf(p.Info.Digest)
		if err != nil {
			return nil, fmt.Errorf("object %s: %w", p.Info.Name, err)
		}
		d.Evidence = append(d.Evidence, object{
			p.Bucket, p.Info.Name, p.MediaType(), p.Info.Size,
			hex.EncodeToString(sum),
		})
	}
	ack, ok, err := archive.GetAck(ctx, conn.JetStream(), id)
	if ok {
		d.Ack = &ack
	}
	return d, err
}

func alertsShowCommand(f *alertsFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID|last",
		Short: "Show one alert: its messages, its evidence, and who acknowledged it",
		Long:  "Show one alert: its messages, its evidence, and who acknowledged it.\n\n" + aboutIDs,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAlert(cmd, *f, args[0], func(_ context.Context, d *dossier) error {
				if f.json {
					text, err := json.Marshal(d)
					if err != nil {
						return err
					}
					return writeMessage(cmd.OutOrStdout(), text)
				}
				return d.print(cmd.OutOrStdout())
			})
		},
	}
}

func (d *dossier) print(w io.Writer) error {
	a, line := d.last, func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-12s %s\n", name, printable(fmt.Sprintf(format, args...)))
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
	if r := a.Measurement; r != nil {
		line("reading", "regularity %.2f  error %.4g of %.4g  severity %.2f", r.PeakRegularity, r.PeakError,
			r.Threshold, r.Severity)
	}
	line("model", "%s  %.12s  calibration %s", a.Model.Name, a.Model.Hash, orNone(a.CalibrationID))
	line("messages", "%d", len(d.Messages))
	for _, e := range d.Evidence {
		line("evidence", "%-10s %9d bytes  %s", e.MediaType, e.Bytes, e.Name)
	}
	if len(d.Evidence) == 0 && len(a.Evidence) > 0 {
		line("evidence", "%d pieces, which are no longer kept", len(a.Evidence))
	}
	if k := d.Ack; k != nil {
		word := "seen"
		if k.Normal {
			word = "normal, " + clipsKept(len(k.Clips))
		}
		line("acknowledged", "%s  %s  %s", k.By, k.At.Local().Format(time.DateTime), word)
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func alertsExportCommand(f *alertsFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "export ID|last DIR",
		Short: "Write one alert's messages and evidence to a folder, digests checked",
		Long:  "Write one alert's messages and evidence to a folder, digests checked.\n\n" + aboutIDs,
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAlert(cmd, *f, args[0], func(ctx context.Context, d *dossier) error {
				return d.export(ctx, args[1], cmd.OutOrStdout())
			})
		},
	}
}

func alertsAckCommand(f *alertsFlags) *cobra.Command {
	var by string
	var normal bool
	c := &cobra.Command{
		Use:   "ack ID|last",
		Short: "Acknowledge an alert: keeps who and when; with --normal also what the model saw, to learn from",
		Long: "Acknowledge an alert: keeps who and when; with --normal also what the model saw, to learn from.\n\n" +
			aboutIDs,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if by == "" {
				by = whoAmI()
			}
			return withAlertOf(cmd, *f, func() (*alertSource, error) { return f.openToWrite(cmd) }, args[0],
				func(ctx context.Context, d *dossier) error {
					ctx, release := d.conn.WithConnErrors(ctx, "$KV.", "$O.", "$JS.API.")
					defer release()
					a, err := archive.PutAck(ctx, d.conn.JetStream(), alerts.Ack{
						AlertID: d.last.ID, Camera: d.last.Camera, By: by, At: time.Now(), Normal: normal,
					}, d.reader, d.pieces)
					if denied := context.Cause(ctx); err != nil && broker.Denied(denied) {
						return fmt.Errorf(
							"acknowledge alert %s: only reading is allowed there without an account that may write: "+
								"run it on the machine of "+
								"that vigil, as its user and with --local, or give a user: %w", d.last.ID, denied)
					}
					if err != nil {
						return err
					}
					if f.json {
						return json.NewEncoder(cmd.OutOrStdout()).Encode(a)
					}
					kept := ""
					switch {
					case normal && len(a.Clips) == 0:
						kept = " as normal; what the model saw of it is not kept, so there is nothing to learn from"
					case normal:
						kept = " as normal, " + clipsKept(len(a.Clips))
					}
					_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s acknowledged by %s%s\n", a.AlertID,
						printable(a.By), kept)
					return err
				})
		},
	}
	c.Flags().StringVar(&by, "by", "", "who acknowledges (default: the user's name)")
	c.Flags().BoolVar(&normal, "normal", false,
		"what was reported is normal there: keep what the model saw of it to learn from")
	return c
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
