package app

import (
	"context"
	"errors"
	"log/slog"

	"vigil/alerts/broker"
	"vigil/alerts/instance"
	"vigil/config"
	"vigil/internal/errcode"
)

// Connect connects to the configured NATS server, or starts the embedded one and connects to that. The function closes
// what was opened.
func Connect(ctx context.Context, cfg config.Config, log *slog.Logger) (*broker.Conn, func() error, error) {
	dial, stop := DialOptions(cfg.NATS), func() error { return nil }
	if cfg.NATS.URL == "" {
		if err := instance.CheckFormat(cfg.DataDir); err != nil {
			return nil, nil, err
		}
		server, err := broker.Start(ctx, ServerOptions(cfg, log))
		if err != nil {
			return nil, nil, err
		}
		if err := instance.MarkFormat(cfg.DataDir); err != nil {
			return nil, nil, errors.Join(err, server.Shutdown())
		}
		log.Info("embedded NATS server listens", "url", server.URL())
		dial, stop = broker.DialOptions{Server: server}, server.Shutdown
	}
	dial.OnState = logConnection(log)
	conn, err := broker.Dial(ctx, dial)
	if err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	if err := conn.EnsureStream(ctx); err != nil {
		return nil, nil, errors.Join(err, conn.Close(), stop())
	}
	return conn, func() error { return errors.Join(conn.Close(), stop()) }, nil
}

// logConnection returns a broker.DialOptions.OnState that logs.
func logConnection(log *slog.Logger) func(state string, err error) {
	return func(state string, err error) {
		switch {
		case state == broker.StateConnected || state == broker.StateReconnected:
			log.Info("connection to the NATS server", "state", state)
		case err == nil:
			log.Warn("connection to the NATS server", "state", state, errcode.Key, errcode.SinkUnreachable)
		default:
			log.Warn("connection to the NATS server", "state", state, "error", errcode.SinkUnreachable.Default(err))
		}
	}
}
