package metrics

import (
	"context"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"vigil/internal/errcode"
)

// logMessages counts what is logged.
var logMessages = Family{
	"vigil_log_messages_total", "Warnings and errors logged, by error code; none for one without a code.", Counter,
	[]string{"level", "code"},
}

// LogHandler counts the warnings and errors for h, by the codes that errcode.Handler has added.
func (m *Metrics) LogHandler(h slog.Handler) slog.Handler { return logHandler{h, m.log} }

type logHandler struct {
	slog.Handler
	count *prometheus.CounterVec
}

// Enabled is also true for warnings that are not logged.
func (h logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || h.Handler.Enabled(ctx, level)
}

// Handle counts before it logs.
func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		code := codeOf(r)
		if _, known := errcode.Find(code); !known {
			code = "none"
		}
		h.count.WithLabelValues(strings.ToLower(r.Level.String()), string(code)).Inc()
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// codeOf returns the code among a line's attributes, "" for none.
func codeOf(r slog.Record) (code errcode.Code) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == errcode.Key {
			code = errcode.Code(a.Value.String())
		}
		return code == ""
	})
	return code
}

// WithAttrs keeps counting.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs), h.count}
}

// WithGroup keeps counting.
func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name), h.count}
}
