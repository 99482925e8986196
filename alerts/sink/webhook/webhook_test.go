package webhook

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/outbox"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
)

// hook is a server that checks each signature and answers as configured.
type hook struct {
	key    []byte
	answer func(n int) int // status of the n-th request, from 0

	mu  sync.Mutex
	ids []string
	got int
	bad []string
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.got
	h.got++
	id, stamp := r.Header.Get(HeaderID), r.Header.Get(HeaderTimestamp)
	a, decodeErr := alerts.Decode(body)
	switch {
	case err != nil || decodeErr != nil:
		h.bad = append(h.bad, fmt.Sprint(err, decodeErr))
	case a.MessageID() != id:
		h.bad = append(h.bad, "id "+id)
	case len(h.key) > 0 && !hmac.Equal([]byte(r.Header.Get(HeaderSignature)), []byte(Sign(h.key, id, stamp, body))):
		h.bad = append(h.bad, "signature "+r.Header.Get(HeaderSignature))
	}
	status := http.StatusNoContent
	if h.answer != nil {
		status = h.answer(n)
	}
	if status/100 == 2 {
		h.ids = append(h.ids, id)
	}
	if status/100 == 3 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(status)
}

// event is a message of an event without measurements of the model.
func event(camera string, phase alerts.Phase, id string, seq int) alerts.Alert {
	a := alerttest.Event(camera, id, seq, phase)
	a.Kind, a.Measurement = alerts.KindUntrusted, nil
	return a
}

// The server refuses, fails, redirects and recovers; every alert arrives in order once it accepts them.
func TestAlertsArriveOverErrors(t *testing.T) {
	h := &hook{key: []byte("s3cret"), answer: func(n int) int {
		switch n {
		case 0, 4:
			return http.StatusInternalServerError
		case 2:
			return http.StatusFound
		case 3:
			return http.StatusUnauthorized
		}
		return http.StatusAccepted
	}}
	server := httptest.NewServer(h)
	defer server.Close()
	w, err := New(Options{URL: server.URL + "/hook?token=s3cret", Secret: "s3cret", Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	o, err := outbox.Open(alerttest.Within(t), outbox.Options{
		Server: broker.Options{Dir: filepath.Join(t.TempDir(), "store"), NoListen: true}, Sinks: []sink.Sink{w},
		Reserve: 1 << 20, LongestPause: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	var want []string
	id := alerts.NewID()
	for seq, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseUpdate, alerts.PhaseEnd} {
		a := event("yard", phase, id, seq)
		if err := o.Publish(alerttest.Within(t), a); err != nil {
			t.Fatal(err)
		}
		want = append(want, a.MessageID())
	}
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if fmt.Sprint(h.ids) != fmt.Sprint(want) || len(h.bad) > 0 || h.got != 7 {
		t.Errorf("took %v of %d requests, want %v; wrong were %v", h.ids, h.got, want, h.bad)
	}
}

// Only the configured phases are posted, and the others delay nothing.
func TestPhasesThatAreNotPosted(t *testing.T) {
	h := &hook{}
	server := httptest.NewServer(h)
	defer server.Close()
	w, err := New(Options{URL: server.URL, Timeout: 5 * time.Second, Phases: []alerts.Phase{
		alerts.PhaseStart,
		alerts.PhaseEnd,
	}})
	if err != nil {
		t.Fatal(err)
	}
	o, err := outbox.Open(alerttest.Within(t), outbox.Options{
		Server: broker.Options{Dir: filepath.Join(t.TempDir(), "store"), NoListen: true}, Sinks: []sink.Sink{w},
		Reserve: 1 << 20, LongestPause: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	id := alerts.NewID()
	for seq, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseUpdate, alerts.PhaseUpdate, alerts.PhaseEnd} {
		if err := o.Publish(alerttest.Within(t), event("yard", phase, id, seq)); err != nil {
			t.Fatal(err)
		}
	}
	last := event("cellar", alerts.PhaseUpdate, alerts.NewID(), 0) // after which no message follows
	if err := o.Publish(alerttest.Within(t), last); err != nil {
		t.Fatal(err)
	}
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if want := []string{alerts.MessageID(id, 0), alerts.MessageID(id, 3)}; fmt.Sprint(h.ids) != fmt.Sprint(want) {
		t.Errorf("posted were %v, want %v", h.ids, want)
	}
}

// Environment variables of a process that is killed with undelivered alerts.
const (
	childDir = "VIGIL_TEST_WEBHOOK_DIR"
	childURL = "VIGIL_TEST_WEBHOOK_URL"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := victim(dir, os.Getenv(childURL)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func openOutbox(ctx context.Context, dir, url string) (*outbox.Outbox, error) {
	w, err := New(Options{URL: url, Secret: "s3cret", Timeout: 5 * time.Second})
	if err != nil {
		return nil, err
	}
	return outbox.Open(ctx, outbox.Options{
		Server: broker.Options{Dir: dir, NoListen: true}, Sinks: []sink.Sink{w}, Reserve: 1 << 20,
		LongestPause: 50 * time.Millisecond,
	})
}

// victim stores an event and waits to be killed.
func victim(dir, url string) error {
	o, err := openOutbox(context.Background(), dir, url)
	if err != nil {
		return err
	}
	id := alerts.NewID()
	for seq, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseUpdate, alerts.PhaseEnd} {
		a := event("yard", phase, id, seq)
		if err := o.Publish(context.Background(), a); err != nil {
			return err
		}
		fmt.Println(a.MessageID())
	}
	select {}
}

// The address answers 503 until the process is killed; the next process posts the waiting alerts, with the same ids,
// signed.
func TestAlertsArriveAfterAKill(t *testing.T) {
	var open atomic.Bool
	h := &hook{key: []byte("s3cret"), answer: func(int) int {
		if open.Load() {
			return http.StatusOK
		}
		return http.StatusServiceUnavailable
	}}
	server := httptest.NewServer(h)
	defer server.Close()
	dir := filepath.Join(t.TempDir(), "store")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+server.URL)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var want []string
	for lines := bufio.NewScanner(out); len(want) < 3 && lines.Scan(); {
		want = append(want, lines.Text())
	}
	tried := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.got
	}
	for ctx := alerttest.Within(t); tried() < 3 && ctx.Err() == nil; {
		time.Sleep(5 * time.Millisecond)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	open.Store(true)
	o, err := openOutbox(alerttest.Within(t), dir, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(want) != 3 || fmt.Sprint(h.ids) != fmt.Sprint(want) || len(h.bad) > 0 || h.got < 6 {
		t.Errorf("took %v of %d requests, want %v; wrong were %v", h.ids, h.got, want, h.bad)
	}
}

func TestErrorsHideTheAddress(t *testing.T) {
	h := &hook{answer: func(int) int { return http.StatusForbidden }}
	server := httptest.NewServer(h)
	addr := server.URL
	m := sink.Message{ID: "x:0", Data: []byte("{}")}
	deliver := func() error {
		w, err := New(Options{URL: strings.Replace(addr, "http://", "http://joe:hunter2@", 1) +
			"/services/hunter2?token=hunter2", Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return w.Deliver(alerttest.Within(t), m)
	}
	refused := deliver()
	server.Close()
	gone := deliver()
	for want, err := range map[string]error{"403 Forbidden": refused, "connection refused": gone} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

func TestOverTLSWithItsOwnAuthority(t *testing.T) {
	h := &hook{key: []byte("key")}
	server := httptest.NewTLSServer(h)
	defer server.Close()
	data, err := alerts.Encode(event("yard", alerts.PhaseStart, alerts.NewID(), 0))
	if err != nil {
		t.Fatal(err)
	}
	a, err := alerts.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	m := sink.Message{ID: a.MessageID(), Data: data}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	for name, c := range map[string]struct {
		tls  *tls.Config
		want string
	}{"trusted": {&tls.Config{RootCAs: roots}, ""}, "unknown": {nil, "certificate"}} {
		w, err := New(Options{
			URL: server.URL, Secret: "whsec_" + base64.StdEncoding.EncodeToString([]byte("key")),
			Timeout: 5 * time.Second, TLS: c.tls,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Deliver(alerttest.Within(t), m); (err == nil) != (c.want == "") ||
			err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(h.bad) > 0 || len(h.ids) != 1 {
		t.Errorf("took %v, wrong were %v", h.ids, h.bad)
	}
}

// The example of the specification's own libraries, so that theirs verify these signatures.
func TestSignatureIsTheStandards(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	if got := Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
		[]byte(`{"test": 2432232314}`)); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signature %s", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []Options{
		{URL: "ftp://x"},
		{URL: "hooks"},
		{URL: "http://x/%zz?hunter2"},
		{URL: "http://x", Secret: "whsec_?hunter2"},
	} {
		if _, err := New(o); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
