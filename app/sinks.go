package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/evidence"
	"vigil/alerts/instance"
	"vigil/alerts/outbox"
	"vigil/alerts/sink"
	"vigil/alerts/sink/mqtt"
	natssink "vigil/alerts/sink/nats"
	"vigil/alerts/sink/webhook"
	"vigil/alerts/thread"
	"vigil/config"
	"vigil/internal/errcode"
)

const (
	// expireEvery is the interval at which old evidence is deleted.
	expireEvery = time.Hour
	// drainTimeout is how long the end waits for the last stored alerts to be delivered; the rest is delivered after
	// the next start.
	drainTimeout = time.Second
	// namesShown is the maximum number of names in a line of the log.
	namesShown = 20
)

// Sinks receive everything that the cameras publish: the outbox with its sinks, and evidence. It is the
// pipeline's Publisher.
type Sinks struct {
	*outbox.Outbox
	remote  *broker.Conn // nil for none
	mqtt    *mqtt.Sink   // nil for none
	hook    bool         // there is a webhook
	objects *evidence.Store
	copier  *evidence.Copier // nil for none
	maker   *evidence.Maker  // nil for none
	log     *slog.Logger
	stop    context.CancelFunc
	work    sync.WaitGroup
	// ownMQTT is vigil's login at the embedded broker, if alerts are published to that one; the zero value if
	// not.
	ownMQTT broker.Login
	// onSwitch executes commands that come over MQTT; nil while there is no system to switch.
	onSwitch atomic.Pointer[switchFunc]
}

// switchFunc changes a camera's switches.
type switchFunc func(ctx context.Context, camera string, change alerts.SwitchChange) error

// errStarting means that a command came before the cameras are there, or after they have ended.
var errStarting = errors.New("the cameras are not running")

// command executes a command that came over MQTT.
func (d *Sinks) command(ctx context.Context, camera string, change alerts.SwitchChange) error {
	do := d.onSwitch.Load()
	if do == nil {
		return errStarting
	}
	return (*do)(ctx, camera, change)
}

// OpenSinks opens the outbox of the data directory with the configured sinks. An unavailable sink is not an
// error.
func OpenSinks(ctx context.Context, cfg config.Config, log *slog.Logger) (d *Sinks, err error) {
	return openSinks(ctx, cfg, log, nil)
}

// openSinks is OpenSinks with outbox.Options.OnDelivered.
func openSinks(ctx context.Context, cfg config.Config, log *slog.Logger, onDelivered func(string, time.Duration)) (
	d *Sinks, err error,
) {
	d = &Sinks{log: log, stop: func() {}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Shutdown())
		}
	}()
	if err := instance.CheckFormat(cfg.DataDir); err != nil {
		return d, err
	}
	sinks, err := d.connectSinks(ctx, cfg)
	if err != nil {
		return d, err
	}
	d.Outbox, err = outbox.Open(ctx, outbox.Options{
		Server: d.serverOptions(cfg, log), Sinks: sinks, Log: log, Bytes: int64(cfg.Outbox.Size) << 20,
		Reserve:   int64(cfg.Outbox.Reserve) << 20,
		OnStorage: d.forwardStorage, SetAsideAfter: cfg.Outbox.SetAsideAfter, OnDelivered: onDelivered,
	})
	if err != nil {
		return d, err
	}
	if err := instance.MarkFormat(cfg.DataDir); err != nil {
		log.Warn("format version of data_dir not recorded; an older vigil would not refuse it", "error", err,
			errcode.Key,
			errcode.StoreFormat)
	}
	if cfg.NATS.URL == "" {
		log.Info("embedded NATS server listens", "url", d.Server().URL())
	}
	if !cfg.Evidence.Enabled {
		return d, nil
	}
	if d.objects, err = evidence.OpenObjects(ctx, d.Conn().JetStream(), evidenceLimits(cfg.Evidence)); err != nil {
		return d, err
	}
	if names := d.objects.Damaged(); len(names) > 0 {
		log.Error("evidence is damaged", "missing", len(names), "names", names[:min(len(names), namesShown)],
			errcode.Key, errcode.EvidenceDamaged)
	}
	d.SetReclaim(d.objects.Reclaim)
	o := evidence.Options{
		Store: d.objects, Encoder: clipEncoder(cfg), Log: log,
		Before: cfg.Evidence.Before, After: cfg.Evidence.After, MaxLength: cfg.Evidence.Longest,
	}
	if d.copier != nil {
		d.copier.Start(d.Conn().JetStream())
		o.Bucket, o.AfterEnd = d.copier.Bucket(), d.copier.CopyOne
	}
	d.maker = evidence.NewMaker(o)
	expiring, stop := context.WithCancel(context.Background())
	before := d.stop
	d.stop = func() { stop(); before() }
	d.work.Go(func() { d.expireLoop(expiring) })
	return d, nil
}

// connectSinks creates the sinks, which connect in the background.
func (d *Sinks) connectSinks(ctx context.Context, cfg config.Config) (sinks []sink.Sink, err error) {
	if cfg.NATS.URL != "" {
		o := DialOptions(cfg.NATS)
		o.ConnectInBackground = true
		o.OnState = logConnection(d.log)
		if d.remote, err = broker.Dial(ctx, o); err != nil {
			return nil, err
		}
		remote := natssink.Sink{Conn: d.remote}
		if cfg.Evidence.Enabled && cfg.Evidence.Copy {
			id, err := instance.ID(cfg.DataDir)
			if err != nil {
				return nil, err
			}
			d.copier = evidence.NewCopier(d.remote, evidence.BucketOf(id), evidenceLimits(cfg.Evidence), d.log)
			remote.BeforeDeliver = func(ctx context.Context, m sink.Message) { d.copier.Copy(ctx, m.Data) }
		}
		sinks = append(sinks, remote)
	}
	if err := d.openMQTT(cfg); err != nil {
		return nil, err
	}
	if d.mqtt != nil {
		sinks = append(sinks, d.mqtt)
	}
	if cfg.Webhook.URL != (config.Secret{}) {
		hook, err := newWebhook(cfg.Webhook)
		if err != nil {
			return nil, err
		}
		sinks, d.hook = append(sinks, hook), true
	}
	return sinks, nil
}

// PublishScore sends a score to the subscribers of the embedded and the configured server.
func (d *Sinks) PublishScore(s alerts.Score) error {
	err := d.Outbox.PublishScore(s)
	if d.remote != nil {
		err = errors.Join(err, d.remote.PublishScore(s))
	}
	return err
}

// PublishStatus sends a camera's state to the subscribers of both servers, and to the MQTT broker.
func (d *Sinks) PublishStatus(s alerts.Status) error {
	err := d.Outbox.PublishStatus(s)
	if d.remote != nil {
		err = errors.Join(err, d.remote.PublishStatus(s))
	}
	if d.mqtt != nil {
		d.mqtt.Status(s)
	}
	return err
}

// forwardStorage publishes the storage status to the configured server, too.
func (d *Sinks) forwardStorage(s alerts.Storage) {
	if d.remote == nil {
		return
	}
	if err := d.remote.PublishStorage(s); err != nil {
		d.log.Debug("storage status not sent", "error", err)
	}
}

// EvidenceMaker returns the maker, or a nil interface without one.
func (d *Sinks) EvidenceMaker() thread.EvidenceMaker {
	if d.maker == nil {
		return nil
	}
	return d.maker
}

// expireLoop deletes old evidence.
func (d *Sinks) expireLoop(ctx context.Context) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		err := d.objects.Expire(ctx)
		if d.copier != nil {
			err = errors.Join(err, d.copier.Expire(ctx))
		}
		if err != nil && ctx.Err() == nil {
			d.log.Warn("old evidence was not deleted", "error", err, errcode.Key, errcode.EvidenceExpire)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Finish waits for evidence in progress after the recordings have ended by themselves; ctx ends it.
func (d *Sinks) Finish(ctx context.Context) {
	if d.maker == nil || d.maker.Busy() == 0 || ctx.Err() != nil {
		return
	}
	d.log.Info("waiting for the clips of the last events", "pieces", d.maker.Busy())
	d.maker.Finish(ctx)
}

const (
	// closeLimit bounds the closing of everything here; the cameras have had their share of StopLimit
	// before.
	closeLimit = 4 * time.Second
	// makerLimit is the evidence maker's share of it, and drainTimeout that of the delivery.
	makerLimit = time.Second
)

// Shutdown waits briefly for the last stored alerts to be delivered, and closes everything in order: evidence, the
// sinks concurrently, and the store. Each has its time, since one that hangs must not prevent the store from being
// closed. What was not delivered is delivered after the next start.
func (d *Sinks) Shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	d.stop()
	d.closePart(ctx, makerLimit, "evidence", func() error {
		d.work.Wait()
		if d.maker == nil {
			return nil
		}
		return d.maker.Close()
	})
	if d.Outbox != nil {
		drain, cancel := context.WithTimeout(ctx, drainTimeout)
		if err := d.Drain(drain); err != nil {
			d.log.Warn("undelivered alerts wait for the next start", "error", err,
				errcode.Key, errcode.ServerUnstopped)
		}
		cancel()
		d.Halt(ctx)
	}
	var parts sync.WaitGroup
	if d.mqtt != nil {
		parts.Go(func() { d.closePart(ctx, closeLimit, "mqtt", d.mqtt.Close) })
	}
	if d.remote != nil {
		parts.Go(func() { d.closePart(ctx, closeLimit, "nats", d.remote.Close) })
	}
	parts.Wait()
	if d.Outbox == nil {
		return nil
	}
	if err := d.Close(); err != nil {
		return err
	}
	d.log.Debug("closed", "part", "store")
	return nil
}

// closePart closes a part other than the store. If that takes too long or fails, it is logged and the shutdown
// continues: nothing is lost.
func (d *Sinks) closePart(ctx context.Context, limit time.Duration, name string, do func() error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		if err != nil {
			d.log.Warn("not closed properly", "part", name, "error", err, errcode.Key, errcode.ServerUnstopped)
			return
		}
		d.log.Debug("closed", "part", name)
	case <-ctx.Done():
		d.log.Warn("does not end and is abandoned", "part", name, errcode.Key, errcode.ServerUnstopped)
	}
}

func evidenceLimits(c config.Evidence) evidence.Limits {
	return evidence.Limits{Bytes: int64(c.Size) << 20, Age: c.Keep}
}

// EncodeClipCommand is the hidden command of this program that makes a clip.
const EncodeClipCommand = "encode-clip"

// clipEncoder encodes each clip in another process of this program.
func clipEncoder(cfg config.Config) evidence.Encoder {
	self, err := os.Executable()
	if err != nil || !cfg.Evidence.Clips {
		return nil
	}
	return evidence.ProcessEncoder{Command: []string{self, EncodeClipCommand}, Dir: cfg.DataDir}
}

// DialOptions returns the options for the configured server.
func DialOptions(c config.NATS) broker.DialOptions {
	return broker.DialOptions{
		URL: c.URL, User: c.User, Password: c.Password.Reveal(), Token: c.Token.Reveal(), Creds: c.Creds, NKey: c.NKey,
		TLS: broker.TLS(c.TLS),
	}
}

// openMQTT starts to connect to the broker, if one is configured, and deletes what is retained at brokers that are not
// configured any more.
func (d *Sinks) openMQTT(cfg config.Config) error {
	if cfg.MQTT == (config.MQTT{}) {
		return nil
	}
	registry, err := openRegistry(cfg.DataDir)
	if err != nil {
		mqtt.WarnRetained(d.log, err)
	}
	if cfg.NATS.Embedded.MQTTPort != 0 {
		d.ownMQTT = broker.NewLogin()
	}
	keep := ""
	if cfg.MQTT.URL != "" {
		if ownBroker(cfg) {
			cfg.MQTT.User, cfg.MQTT.Password = d.ownMQTT.User, config.NewSecret(d.ownMQTT.Password)
		}
		if d.mqtt, err = newMQTT(cfg, registry, d.command, d.log); err != nil {
			return err
		}
		keep = d.mqtt.Address()
	}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.work.Go(func() { registry.Withdraw(ctx, keep, d.loginAt(cfg), d.log) })
	return nil
}

// openRegistry opens the record of what is retained at brokers. With an error it is usable and records nothing.
func openRegistry(dataDir string) (*mqtt.Registry, error) {
	id, err := instance.ID(dataDir)
	if err != nil {
		return mqtt.NewRegistry(""), err
	}
	return mqtt.OpenRegistry(dataDir, id)
}

// newMQTT connects to the broker; without onSwitch only to check that it can.
func newMQTT(cfg config.Config, registry *mqtt.Registry, onSwitch switchFunc, log *slog.Logger) (*mqtt.Sink, error) {
	secure, err := broker.TLS(cfg.MQTT.TLS).Config()
	if err != nil {
		return nil, fmt.Errorf("mqtt: %w", err)
	}
	o := mqtt.Options{
		URL: cfg.MQTT.URL, User: cfg.MQTT.User, Password: cfg.MQTT.Password.Reveal(), TLS: secure, Registry: registry,
		Topic: cfg.MQTT.Topic, Discovery: cfg.MQTT.Discovery, Cameras: cameraNames(cfg), ProbeOnly: onSwitch == nil,
		Incomplete: true, Log: log,
	}
	if cfg.MQTT.Commands == "on" {
		o.OnSwitch = onSwitch
	}
	return mqtt.New(o)
}

func cameraNames(cfg config.Config) []string {
	var names []string
	for _, c := range cfg.Cameras {
		names = append(names, c.Name)
	}
	return names
}

func newWebhook(c config.Webhook) (*webhook.Sink, error) {
	secure, err := broker.TLS(c.TLS).Config()
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	o := webhook.Options{URL: c.URL.Reveal(), Secret: c.Secret.Reveal(), Timeout: c.Timeout, TLS: secure}
	for _, phase := range c.Phases {
		o.Phases = append(o.Phases, alerts.Phase(phase))
	}
	return webhook.New(o)
}
