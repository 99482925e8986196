package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/api"
	"vigil/api/client"
)

// probeTimeout bounds asking whether a vigil runs on a data directory.
const probeTimeout = 2 * time.Second

// AlertSource is where alerts are read and acknowledged: an archive.Archive, or a vigil over its API.
type AlertSource interface {
	// List returns alerts, the newest last, and their number without the limit; -1 if there are more.
	List(ctx context.Context, o archive.ListOptions) (all []archive.Entry, total int, err error)
	Show(ctx context.Context, text, camera string) (*archive.Record, error)
	Acknowledge(ctx context.Context, r *archive.Record, by string, normal bool) (alerts.Ack, error)
	Close() error
}

// OpenAlerts decides where alerts are read and opens them: from a vigil over its API, elsewhere or on the data
// directory, or else as OpenArchive does, which needs no vigil that runs.
func OpenAlerts(ctx context.Context, o ArchiveOptions, observer archive.Observer) (AlertSource, error) {
	if o.API.Server != "" {
		if o.Local || o.File != "" || o.Server != "" || o.Creds != "" {
			return nil, Usage(errors.New("give either --server with a URL, or -c, --local or --creds, not both"))
		}
		c, err := client.New(o.API)
		return remoteAlerts{c}, err
	}
	if dir := o.ServedFrom(); dir != "" {
		if c, err := client.New(client.Options{DataDir: dir}); err == nil && answers(ctx, c) {
			return remoteAlerts{c}, nil
		}
	}
	return OpenArchive(ctx, o, observer)
}

// ServedFrom is the data directory of the vigil that serves the chosen alerts if it runs; "" if they are another
// server's.
func (o ArchiveOptions) ServedFrom() string {
	if o.Server != "" || o.Creds != "" {
		return ""
	}
	if o.File == "" && !o.Local {
		if os.Getenv("NATS_URL") != "" {
			return ""
		}
		dir, err := ControlDir("", "")
		if err != nil {
			return ""
		}
		return dir
	}
	cfg, err := ArchiveConfig(o.File)
	if err != nil || !o.Local && cfg.NATS.URL != "" {
		return ""
	}
	return cfg.DataDir
}

// answers reports whether a vigil of this version runs there.
func answers(ctx context.Context, c *client.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, err := c.Session(ctx)
	return err == nil
}

// remoteAlerts are the alerts of a vigil that is asked over its API.
type remoteAlerts struct{ vigil *client.Client }

// Close implements AlertSource.
func (remoteAlerts) Close() error { return nil }

// List implements AlertSource.
func (r remoteAlerts) List(ctx context.Context, o archive.ListOptions) (all []archive.Entry, total int, err error) {
	found, more, err := r.vigil.Alerts(ctx, api.AlertQuery{Camera: o.Camera, Since: o.Since}, o.Limit)
	if err != nil {
		return nil, 0, err
	}
	for _, a := range slices.Backward(found) {
		raw, err := alerts.EncodeData([]byte(a.Alert))
		if err != nil {
			return nil, 0, fmt.Errorf("alert %s of %s: %w", a.Decoded.ID, r.vigil, err)
		}
		all = append(all, archive.Entry{Message: archive.Message{Alert: a.Decoded, Raw: raw}, Ack: a.Ack})
	}
	if more {
		return all, -1, nil
	}
	return all, len(all), nil
}

// FollowAlerts calls each for the messages of alerts of a vigil over its API, as archive.Archive.Follow does: those of
// alerts since o.Since, and unless o.Once then those that come. note is called when the connection breaks.
func FollowAlerts(ctx context.Context, vigil client.Options, o archive.FollowOptions, note func(string),
	each func(archive.Message) error,
) error {
	c, err := client.New(vigil)
	if err != nil {
		return err
	}
	r := remoteAlerts{c}
	if o.Once {
		return r.messages(ctx, o, each)
	}
	shown := map[string]int{} // of alerts that were stored at the start, the number of the last message
	query := url.Values{"kind": {string(api.EventAlert)}}
	if o.Camera != "" {
		query.Set("camera", o.Camera)
	}
	started := o.Since.IsZero()
	lost := func(err error) { note(err.Error() + "; trying again") }
	return c.Events(ctx, query, lost, func(e client.Event) error {
		if !started { // what is stored from now on comes as an event
			started = true
			err := r.messages(ctx, o, func(m archive.Message) error {
				shown[m.Alert.ID] = m.Alert.Seq
				return each(m)
			})
			if err != nil {
				return err
			}
		}
		if e.Kind != api.EventAlert {
			return nil
		}
		a, err := alerts.DecodeData(e.Data)
		if err != nil {
			note(fmt.Sprintf("an alert of %s cannot be read: %v", c, err))
			return nil
		}
		if seq, found := shown[a.ID]; found && a.Seq <= seq {
			return nil
		}
		raw, err := alerts.EncodeData(e.Data)
		if err != nil {
			return err
		}
		return each(archive.Message{Alert: a, Raw: raw})
	})
}

// messages calls each for the messages of the alerts that have one since o.Since, the oldest alert first.
func (r remoteAlerts) messages(ctx context.Context, o archive.FollowOptions, each func(archive.Message) error) error {
	found, _, err := r.vigil.Alerts(ctx, api.AlertQuery{Camera: o.Camera, Since: o.Since}, 0)
	if err != nil {
		return err
	}
	for _, one := range slices.Backward(found) {
		a, err := r.vigil.Alert(ctx, one.Decoded.ID)
		if err != nil {
			return err
		}
		for _, raw := range a.Messages {
			decoded, err := alerts.Decode(raw)
			if err == nil {
				err = each(archive.Message{Alert: decoded, Raw: raw})
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Show implements AlertSource.
func (r remoteAlerts) Show(ctx context.Context, text, camera string) (*archive.Record, error) {
	id, err := r.resolve(ctx, text, camera)
	if err != nil {
		return nil, err
	}
	a, err := r.vigil.Alert(ctx, id)
	if err != nil {
		return nil, err
	}
	record := &archive.Record{
		Alert: []byte(a.Alert), Evidence: []archive.Object{}, Ack: a.Ack, Last: a.Decoded, Unreadable: a.Unreadable,
	}
	for _, m := range a.Messages {
		record.Messages = append(record.Messages, []byte(m))
	}
	for _, e := range a.Evidence {
		record.Evidence = append(record.Evidence, archive.Object{
			Bucket: e.Bucket, Name: e.Name, MediaType: e.MediaType, Bytes: e.Bytes, SHA256: e.SHA256,
		})
	}
	record.Read = func(ctx context.Context, o archive.Object) ([]byte, error) {
		i := slices.IndexFunc(a.Evidence, func(e api.EvidenceFile) bool {
			return e.Bucket == o.Bucket && e.Name == o.Name
		})
		if i < 0 {
			return nil, fmt.Errorf("object %s is not of alert %s", o.Name, id)
		}
		return r.vigil.Evidence(ctx, a.Evidence[i])
	}
	return record, nil
}

// resolve returns the id of the alert that text identifies, as archive.Resolve does.
func (r remoteAlerts) resolve(ctx context.Context, text, camera string) (string, error) {
	id := strings.ToUpper(text)
	if err := archive.CheckID(text); err != nil || text != archive.Last && alerts.ValidID(id) == nil {
		return id, err
	}
	if text == archive.Last {
		newest, _, err := r.vigil.Alerts(ctx, api.AlertQuery{Camera: camera}, 1)
		if err == nil && len(newest) == 0 {
			err = fmt.Errorf("%w: %s has none", archive.ErrNoAlert, r.vigil)
		}
		if err != nil {
			return "", err
		}
		return newest[0].Decoded.ID, nil
	}
	since, err := archive.SincePrefix(id)
	if err != nil {
		return "", err
	}
	found, _, err := r.vigil.Alerts(ctx, api.AlertQuery{Camera: camera, Since: since}, 0)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, a := range slices.Backward(found) {
		if strings.HasPrefix(a.Decoded.ID, id) {
			ids = append(ids, a.Decoded.ID)
		}
	}
	slices.Sort(ids)
	return archive.Choose(text, ids)
}

// Acknowledge implements AlertSource.
func (r remoteAlerts) Acknowledge(ctx context.Context, a *archive.Record, by string, normal bool) (alerts.Ack, error) {
	return r.vigil.Acknowledge(ctx, a.Last.ID, api.AckRequest{By: by, Normal: normal})
}
