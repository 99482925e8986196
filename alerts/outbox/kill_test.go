package outbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	natssink "vigil/alerts/sink/nats"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// Environment variables of the process that the test starts and kills.
const (
	childDir  = "VIGIL_TEST_OUTBOX_DIR"
	childURL  = "VIGIL_TEST_OUTBOX_URL"
	childSeed = "VIGIL_TEST_OUTBOX_SEED" // empty: deliver what waits and exit
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := victim(dir, os.Getenv(childURL), os.Getenv(childSeed)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

var victims = []string{"gate", "yard", "cellar"}

// victim is the process to kill: it publishes events of three cameras endlessly and prints each stored message.
func victim(dir, url, seed string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	conn, err := broker.Dial(ctx, broker.DialOptions{URL: url, ConnectInBackground: true})
	if err != nil {
		return err
	}
	o, err := Open(ctx, Options{
		Server: broker.Options{Dir: dir, NoListen: true}, Sinks: []sink.Sink{natssink.Sink{Conn: conn}},
		Reserve:      1 << 20,
		LongestPause: 100 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(o.Close(), conn.Close()) }()
	fmt.Println("open")
	if seed == "" {
		return o.Drain(ctx)
	}
	n, err := strconv.ParseUint(seed, 10, 64)
	if err != nil {
		return err
	}
	var cameras sync.WaitGroup
	for i, camera := range victims {
		cameras.Go(func() {
			r := rand.New(rand.NewPCG(n, uint64(i)))
			for ctx.Err() == nil {
				publishEvent(ctx, o, camera, r)
			}
		})
	}
	cameras.Wait()
	return nil
}

// publishEvent publishes one event.
func publishEvent(ctx context.Context, o *Outbox, camera string, r *rand.Rand) {
	id, last := alerts.NewID(), 1+r.IntN(4)
	for seq := range last + 1 {
		phase := alerts.PhaseUpdate
		switch seq {
		case 0:
			phase = alerts.PhaseStart
		case last:
			phase = alerts.PhaseEnd
		}
		a := alerttest.Event(camera, id, seq, phase)
		if err := o.Publish(ctx, a); err != nil {
			return
		}
		fmt.Println(camera, a.MessageID())
		time.Sleep(time.Duration(r.IntN(3000)) * time.Microsecond)
	}
}

// killRounds is 30, or the value of VIGIL_KILL_ROUNDS.
func killRounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("VIGIL_KILL_ROUNDS")
	if text == "" {
		return 30
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("VIGIL_KILL_ROUNDS is %q: must be a number", text)
	}
	return n
}

// A process that publishes and forwards is killed at random moments while the remote server is killed and restarted as
// well. Then every stored message is there, every event has its end, cameras keep their order, and repeats have the
// same id.
func TestKilledAtAnyMoment(t *testing.T) {
	rounds := killRounds(t)
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("VIGIL_KILL_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d rounds, seed %d (VIGIL_KILL_SEED)", rounds, seed)
	r := rand.New(rand.NewPCG(seed, 0))
	dir, far := filepath.Join(t.TempDir(), "store"), t.TempDir()
	port := natstest.FreePort(t)
	url := fmt.Sprintf("nats://127.0.0.1:%d", port)
	remote := natstest.Launch(t, port, natstest.JetStreamIn(far))
	// The operator's stream has a short deduplication window, so that repeats are visible.
	withStream(t, url, func(ctx context.Context, js jetstream.JetStream) {
		if _, err := js.CreateStream(ctx, jetstream.StreamConfig{
			Name: broker.Stream, Subjects: []string{alerts.AllAlerts}, Duplicates: 100 * time.Millisecond,
		}); err != nil {
			t.Fatal(err)
		}
	})
	up := true
	stored := map[string][]string{}
	for round := range rounds {
		v := startVictim(t, dir, url, strconv.FormatUint(seed+uint64(round), 10))
		// Some die before they have opened their store, most while they publish.
		life := time.Duration(r.IntN(400)) * time.Millisecond
		if r.IntN(5) > 0 {
			v.opened(t)
		}
		for range r.IntN(3) {
			part := time.Duration(r.Int64N(int64(life) + 1))
			time.Sleep(part)
			life -= part
			if up {
				remote.Kill()
			} else {
				remote = natstest.Launch(t, port, natstest.JetStreamIn(far))
			}
			up = !up
		}
		time.Sleep(life)
		for _, line := range v.kill(t) {
			if camera, id, ok := strings.Cut(line, " "); ok {
				stored[camera] = append(stored[camera], id)
			}
		}
	}
	if !up {
		natstest.Launch(t, port, natstest.JetStreamIn(far))
	}
	last := startVictim(t, dir, url, "")
	last.wait(t)
	withStream(t, url, func(ctx context.Context, js jetstream.JetStream) {
		examine(t, readAll(ctx, t, js), stored)
	})
}

// examine checks the messages that arrived.
func examine(t *testing.T, arrived []*jetstream.RawStreamMsg, stored map[string][]string) {
	t.Helper()
	content, order := map[string]string{}, map[string][]string{}
	recovered, repeats := 0, 0
	next := map[string]int{}
	open := map[string]string{}
	for _, m := range arrived {
		a, err := alerts.Decode(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		id := m.Header.Get(jetstream.MsgIDHeader)
		if id != a.MessageID() {
			t.Errorf("message id %s of alert message %s", id, a.MessageID())
		}
		if before, again := content[id]; again {
			repeats++
			if before != string(m.Data) {
				t.Errorf("%s came twice and differs", id)
			}
			continue
		}
		content[id] = string(m.Data)
		order[a.Camera] = append(order[a.Camera], id)
		if next[a.ID] != a.Seq {
			t.Errorf("%s came when %d was next", id, next[a.ID])
		}
		next[a.ID]++
		switch a.Phase {
		case alerts.PhaseEnd:
			if open[a.Camera] != a.ID {
				t.Errorf("%s ends while %s is open", id, open[a.Camera])
			}
			delete(open, a.Camera)
			if a.EndReason == alerts.EndCrashRecovered {
				recovered++
			}
		case alerts.PhaseStart:
			if open[a.Camera] != "" {
				t.Errorf("%s starts while %s is open", id, open[a.Camera])
			}
			open[a.Camera] = a.ID
		}
	}
	for camera, id := range open {
		t.Errorf("event %s of camera %s has no end", id, camera)
	}
	n := 0
	for camera, ids := range stored {
		n += len(ids)
		at := map[string]int{}
		for i, id := range order[camera] {
			at[id] = i + 1
		}
		last := 0
		for _, id := range ids {
			if at[id] == 0 {
				t.Errorf("%s of camera %s was stored and is lost", id, camera)
			} else if at[id] < last {
				t.Errorf("%s of camera %s is out of order", id, camera)
			}
			last = max(last, at[id])
		}
	}
	if n == 0 {
		t.Error("nothing was ever stored: the test shows nothing")
	}
	t.Logf("%d messages reported as stored, %d arrived, %d of them ends of killed processes, and %d repeats", n,
		len(content), recovered, repeats)
}

func withStream(t *testing.T, url string, do func(context.Context, jetstream.JetStream)) {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	do(alerttest.Within(t), js)
}

func readAll(ctx context.Context, t *testing.T, js jetstream.JetStream) []*jetstream.RawStreamMsg {
	t.Helper()
	s, err := js.Stream(ctx, broker.Stream)
	if err != nil {
		t.Fatal(err)
	}
	var all []*jetstream.RawStreamMsg
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(ctx, seq)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// victimProcess is a victim and its output.
type victimProcess struct {
	cmd   *exec.Cmd
	open  chan struct{}
	lines chan []string
}

func startVictim(t *testing.T, dir, url, seed string) *victimProcess {
	t.Helper()
	v := &victimProcess{cmd: exec.Command(os.Args[0]), open: make(chan struct{}), lines: make(chan []string, 1)}
	v.cmd.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+url, childSeed+"="+seed)
	v.cmd.Stderr = os.Stderr
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.cmd.Process.Kill() })
	go v.listen(out)
	return v
}

func (v *victimProcess) listen(out io.Reader) {
	var lines []string
	for s := bufio.NewScanner(out); s.Scan(); {
		if s.Text() == "open" {
			close(v.open)
			continue
		}
		lines = append(lines, s.Text())
	}
	v.lines <- lines
}

func (v *victimProcess) opened(t *testing.T) {
	t.Helper()
	select {
	case <-v.open:
	case lines := <-v.lines:
		t.Fatalf("the process ended by itself: %v", lines)
	case <-time.After(alerttest.LongWait):
		t.Fatal("the process did not open its store")
	}
}

// kill kills the process and returns its output. A truncated last line is no message.
func (v *victimProcess) kill(t *testing.T) []string {
	t.Helper()
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	lines := <-v.lines
	if err := v.cmd.Wait(); err == nil {
		t.Fatal("the process ended before it was killed")
	}
	return lines
}

func (v *victimProcess) wait(t *testing.T) {
	t.Helper()
	select {
	case <-v.lines:
	case <-time.After(alerttest.LongWait):
		t.Fatal("what waits was not delivered")
	}
	if err := v.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}
