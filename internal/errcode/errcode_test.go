package errcode

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var form = regexp.MustCompile(`^[a-z]+\.[a-z_]+$`)

// Every entry has a unique code and a remedy, in sentences.
func TestTable(t *testing.T) {
	seen := map[Code]bool{}
	for _, e := range Entries() {
		if !form.MatchString(string(e.Code)) || seen[e.Code] {
			t.Errorf("%s: not a code, or there twice", e.Code)
		}
		seen[e.Code] = true
		if e.Title == "" || strings.HasSuffix(e.Title, ".") {
			t.Errorf("%s: title %q", e.Code, e.Title)
		}
		for what, text := range map[string]string{"cause": e.Cause, "remedy": e.Remedy} {
			if len(text) < 20 && text != "None." || len(text) > 300 || !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %s %q", e.Code, what, text)
			}
		}
		if got, ok := Find(e.Code); !ok || got != e {
			t.Errorf("%s: found %v", e.Code, got)
		}
	}
	for name, code := range constants(t) {
		if !seen[code] {
			t.Errorf("%s: %s has no entry", name, code)
		}
	}
	if len(seen) != len(constants(t)) {
		t.Errorf("%d entries for %d codes", len(seen), len(constants(t)))
	}
}

func TestErrorsPageIsCurrent(t *testing.T) {
	page, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != Markdown() {
		t.Error("docs/errors.md differs from the table: run go generate ./internal/errcode")
	}
}

func TestCodes(t *testing.T) {
	sentinel := CameraLost.New("the stream broke off")
	plain := errors.New("something else")
	wrapped := fmt.Errorf("camera gate: %w", sentinel)
	for _, tt := range []struct {
		err  error
		want []Code
	}{
		{nil, nil},
		{plain, nil},
		{sentinel, []Code{CameraLost}},
		{wrapped, []Code{CameraLost}},
		{CameraTooLarge.Wrap(wrapped), []Code{CameraTooLarge}},
		{fmt.Errorf("%w: %w", plain, wrapped), []Code{CameraLost}},
		{errors.Join(wrapped, plain, StoreLocked.Wrap(plain), sentinel), []Code{CameraLost, StoreLocked}},
		{Code("").Wrap(plain), nil},
		{CameraLost.Wrap(nil), nil},
	} {
		if got := All(tt.err); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v has the codes %v, want %v", tt.err, got, tt.want)
		}
		first := Code("")
		if len(tt.want) > 0 {
			first = tt.want[0]
		}
		if got := Of(tt.err); got != first {
			t.Errorf("%v has the code %q, want %q", tt.err, got, first)
		}
	}
	if err := CameraTooLarge.Wrap(wrapped); !errors.Is(err, sentinel) || err.Error() != wrapped.Error() {
		t.Errorf("wrapped to %v", err)
	}
}

func TestStore(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want Code
	}{
		{nil, ""},
		{&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, StoreDiskFull},
		{&os.PathError{Op: "open", Path: "x", Err: syscall.EROFS}, StoreReadOnly},
		{&os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, StoreReadOnly},
		{StoreMoved.Wrap(syscall.ENOSPC), StoreMoved},
		{syscall.EIO, ""},
	} {
		if got := Store(tt.err); Of(got) != tt.want || (got == nil) != (tt.err == nil) {
			t.Errorf("%v became %v of code %q, want %q", tt.err, got, Of(got), tt.want)
		}
	}
}

// Warnings and errors have the code of their error, once; other lines have none.
func TestHandler(t *testing.T) {
	err := fmt.Errorf("open: %w", StoreLocked.New("in use"))
	for _, tt := range []struct {
		log  func(*slog.Logger)
		want string
	}{
		{func(l *slog.Logger) { l.Warn("m", "error", err) }, `level=WARN msg=m error="open: in use" code=store.locked`},
		{func(l *slog.Logger) { l.With("camera", "a").Error("m", "error", err) }, "code=store.locked"},
		{func(l *slog.Logger) { l.Warn("m", "error", err, Key, StoreFull) }, "code=store.full"},
		{func(l *slog.Logger) { l.Warn("m", "error", errors.New("x")) }, ""},
		{func(l *slog.Logger) { l.Info("m", "error", err) }, ""},
	} {
		var b bytes.Buffer
		tt.log(slog.New(Handler(slog.NewTextHandler(&b, nil))))
		if n := strings.Count(b.String(), "code="); tt.want == "" && n != 0 || tt.want != "" &&
			(n != 1 || !strings.Contains(b.String(), tt.want)) {
			t.Errorf("logged %s, want %q", b.String(), tt.want)
		}
	}
}

func TestDefault(t *testing.T) {
	plain, coded := errors.New("x"), StoreFull.New("y")
	if got := SinkTLS.Default(plain); Of(got) != SinkTLS || !errors.Is(got, plain) || got.Error() != "x" {
		t.Errorf("an error without a code becomes %q with %q", got, Of(got))
	}
	if got := SinkTLS.Default(fmt.Errorf("z: %w", coded)); Of(got) != StoreFull {
		t.Errorf("an error with a code gets %q", Of(got))
	}
	if SinkTLS.Default(nil) != nil {
		t.Error("nil becomes an error")
	}
}
