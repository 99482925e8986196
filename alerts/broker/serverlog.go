package broker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"vigil/internal/errcode"
)

// serverLog takes the embedded server's messages. Its notices are a page at each start, so they count as debug.
type serverLog struct {
	log          *slog.Logger
	onWriteError func(error) // hears that a stream could not be written
	mu           sync.Mutex
	err          error // the first that the server called fatal
	// What clients try that they may not is theirs to choose how often: it is logged now and then, with the number of
	// those between.
	denied       int
	deniedLogged time.Time
}

// deniedLogInterval is how often it is logged that clients tried what they may not.
const deniedLogInterval = time.Minute

// denialTexts are in the server's words for that.
var denialTexts = []string{
	"Publish Violation", "Subscription Violation", "authentication error", "Authorization Violation",
	"Authentication",
}

// logDenied logs what a client tried, if it has not done so just now.
func (l *serverLog) logDenied(text string) {
	l.mu.Lock()
	l.denied++
	n := l.denied
	due := time.Since(l.deniedLogged) >= deniedLogInterval
	if due {
		l.deniedLogged, l.denied = time.Now(), 0
	}
	l.mu.Unlock()
	if due {
		l.log.Warn("a client of the embedded NATS server tried what its account may not; this is logged once a minute",
			"times", n, "last", text, errcode.Key, errcode.ServerClient)
	}
}

func newServerLog(log *slog.Logger, write func(error)) *serverLog {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &serverLog{log: log.With("component", "nats"), onWriteError: write}
}

func (l *serverLog) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Fatalf keeps the reason for Start; the server's usual answer, to end the process, is not its to give here.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	if l.err == nil {
		l.err = fmt.Errorf(format, v...)
	}
	l.mu.Unlock()
	l.put(slog.LevelError, format, v)
}

// Errorf finds failed writes among the errors: the server neither answers such a message nor tells of it elsewhere,
// and refuses the next ones of that stream until it is restarted.
func (l *serverLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if containsAny(text, denialTexts) {
		l.logDenied(text)
		return
	}
	l.put(slog.LevelError, format, v)
	if l.onWriteError != nil && containsAny(text, writeErrorTexts) {
		code := errcode.StoreFailing
		if containsAny(text, fullDiskTexts) {
			code = errcode.StoreDiskFull
		}
		l.onWriteError(code.New(text))
	}
}

var fullDiskTexts = []string{"no space left on device", "disk quota exceeded"}

var writeErrorTexts = []string{
	"critical write error", "no space left on device", "disk quota exceeded",
	"input/output error",
}

// Warnf passes over that passwords are not encrypted: those that vigil makes exist for as long as the server, and the
// configuration's are in it.
func (l *serverLog) Warnf(format string, v ...any) {
	if !strings.HasPrefix(format, "Plaintext passwords detected") {
		l.put(slog.LevelWarn, format, v)
	}
}

func (l *serverLog) Noticef(format string, v ...any) { l.put(slog.LevelDebug, format, v) }
func (l *serverLog) Debugf(format string, v ...any)  { l.put(slog.LevelDebug, format, v) }
func (l *serverLog) Tracef(format string, v ...any)  { l.put(slog.LevelDebug, format, v) }

func (l *serverLog) put(level slog.Level, format string, v []any) {
	ctx := context.Background()
	if l.log.Enabled(ctx, level) {
		args := []any{"text", fmt.Sprintf(format, v...)}
		if level >= slog.LevelWarn {
			args = append(args, errcode.Key, errcode.ServerClient)
		}
		l.log.Log(ctx, level, "embedded NATS says", args...)
	}
}
