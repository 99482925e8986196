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

// serverLog receives the embedded server's log. Its notices fill a page at each start, so they are logged as debug.
type serverLog struct {
	log          *slog.Logger
	onWriteError func(error) // called when a stream could not be written
	mu           sync.Mutex
	err          error // first fatal error of the server
	// Clients may attempt forbidden operations at any rate, so these are logged at intervals, with their count.
	denied       int
	deniedLogged time.Time
}

// deniedLogInterval is the minimum interval between logs of denied operations.
const deniedLogInterval = time.Minute

// denialTexts are the server's messages for denied operations.
var denialTexts = []string{
	"Publish Violation", "Subscription Violation", "authentication error", "Authorization Violation",
	"Authentication",
}

// logDenied logs a denied operation, at most once per deniedLogInterval.
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
		l.log.Warn("a client of the embedded NATS server tried something without permission; logged at most once a "+
			"minute",
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

// Fatalf stores the reason for Start; the stock server would exit the process here.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	if l.err == nil {
		l.err = fmt.Errorf(format, v...)
	}
	l.mu.Unlock()
	l.put(slog.LevelError, format, v)
}

// Errorf detects failed writes among the errors: the server neither answers such a message nor reports the failure
// elsewhere, and refuses further messages of that stream until it is restarted.
func (l *serverLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if containsAny(text, denialTexts) {
		l.logDenied(text)
		return
	}
	l.put(slog.LevelError, format, v)
	if l.onWriteError != nil && containsAny(text, writeErrorTexts) {
		l.onWriteError(serverTextCode(text).New(text))
	}
}

// serverTextCode returns the code of a text of the server.
func serverTextCode(text string) errcode.Code {
	switch {
	case containsAny(text, fullDiskTexts):
		return errcode.StoreDiskFull
	case containsAny(text, writeErrorTexts), containsAny(strings.ToLower(text), storeTexts):
		return errcode.StoreFailing
	}
	return errcode.ServerClient
}

// storeTexts are in the server's messages about its files.
var storeTexts = []string{"filestore", "jetstream", "stream state", "consumer state", "recover"}

var fullDiskTexts = []string{"no space left on device", "disk quota exceeded"}

var writeErrorTexts = []string{
	"critical write error", "no space left on device", "disk quota exceeded",
	"input/output error",
}

// Warnf drops the warning about unencrypted passwords: those that vigil creates exist only as long as the server, and
// the others come from the configuration.
func (l *serverLog) Warnf(format string, v ...any) {
	if !strings.HasPrefix(format, "Plaintext passwords detected") {
		l.put(slog.LevelWarn, format, v)
	}
}

func (l *serverLog) Noticef(format string, v ...any) { l.debug(format, v) }
func (l *serverLog) Debugf(format string, v ...any)  { l.debug(format, v) }
func (l *serverLog) Tracef(format string, v ...any)  { l.debug(format, v) }

func (l *serverLog) put(level slog.Level, format string, v []any) {
	text := fmt.Sprintf(format, v...)
	l.log.Log(context.Background(), level, "embedded NATS server", "text", text, errcode.Key, serverTextCode(text))
}

func (l *serverLog) debug(format string, v []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("embedded NATS server", "text", fmt.Sprintf(format, v...))
	}
}
