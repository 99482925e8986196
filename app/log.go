package app

import (
	"fmt"
	"io"
	"log/slog"

	"vigil/config"
	"vigil/internal/errcode"
)

// NewLogger logs to w as the configuration says.
func NewLogger(w io.Writer, c config.Log) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, fmt.Errorf("log.level: is %q, must be debug, info, warn or error", c.Level)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch c.Format {
	case "text":
		return slog.New(errcode.Handler(slog.NewTextHandler(w, opts))), nil
	case "json":
		return slog.New(errcode.Handler(slog.NewJSONHandler(w, opts))), nil
	}
	return nil, fmt.Errorf("log.format: is %q, must be text or json", c.Format)
}
