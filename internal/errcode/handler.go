package errcode

import (
	"context"
	"log/slog"
)

// Key is the attribute of a log line that holds the code. A line about a state that is not an error has it among its
// arguments; for a line with an error Handler adds it.
const Key = "code"

// Handler adds the code of a line's error to each warning and error for h.
func Handler(h slog.Handler) slog.Handler { return handler{h} }

type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		return h.Handler.Handle(ctx, r)
	}
	var code Code
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == Key {
			code = ""
			return false
		}
		if err, ok := a.Value.Any().(error); ok && code == "" {
			code = Of(err)
		}
		return true
	})
	if code != "" {
		r = r.Clone()
		r.AddAttrs(slog.String(Key, string(code)))
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
