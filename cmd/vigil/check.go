package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"vigil/alerts/broker"
	"vigil/config"
)

// checkTime is how long each server may take to answer.
const checkTime = 6 * time.Second

// checkWays says which of the servers that alerts go to would not take one. Alerts are kept and tried on at run, so what is wrong here may
// well be right then; but whoever writes a configuration wants to know.
func checkWays(ctx context.Context, path string) error {
	cfg, err := config.Load(path)
	if err != nil {
		return usageError{err}
	}
	var wrong []error
	for _, way := range []struct {
		key   string
		check func(context.Context, config.Config) error
	}{{"nats", checkNATS}, {"mqtt", checkMQTT}, {"webhook", checkWebhook}} {
		ctx, cancel := context.WithTimeout(ctx, checkTime)
		if err := way.check(ctx, cfg); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %s: %w (alerts would be kept, and tried on)", path, way.key, err))
		}
		cancel()
	}
	return errors.Join(wrong...)
}

func checkNATS(ctx context.Context, cfg config.Config) error {
	if cfg.NATS.URL == "" {
		return nil
	}
	conn, err := broker.Dial(ctx, dialOptions(cfg.NATS))
	if err != nil {
		return err
	}
	return errors.Join(conn.Check(ctx, cameraNames(cfg)...), conn.Close())
}

func checkMQTT(ctx context.Context, cfg config.Config) error {
	if cfg.MQTT.URL == "" {
		return nil
	}
	w, err := newMQTT(cfg, true, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime/2)
	defer cancel()
	return errors.Join(w.Check(ctx), w.Close())
}

// checkWebhook only connects: a message would be taken for an alert.
func checkWebhook(ctx context.Context, cfg config.Config) error {
	if cfg.Webhook.URL == (config.Secret{}) {
		return nil
	}
	w, err := newWebhook(cfg.Webhook)
	if err != nil {
		return err
	}
	u, err := url.Parse(cfg.Webhook.URL.Reveal())
	if err != nil {
		return errors.New("the address is not one")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("%s: %w", w.Where(), err)
	}
	return conn.Close()
}
