package damage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/outbox"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
)

// victimDir is the environment variable that makes the test's program a process that publishes until it is killed.
const victimDir = "VIGIL_TEST_DAMAGE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		if err := victim(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// victimLine is a line of a victim's output: a delivered message, or the id of a stored one.
type victimLine struct {
	Stored     string `json:",omitempty"`
	Seq        uint64 `json:",omitempty"`
	Camera, ID string `json:",omitempty"`
	Data       string `json:",omitempty"`
}

// printingSink is a sink that prints what it receives.
type printingSink struct {
	mu  sync.Mutex
	out *json.Encoder
}

func (*printingSink) Name() string { return "webhook" }

func (w *printingSink) print(s any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Encode(s)
}

func (w *printingSink) Deliver(_ context.Context, m sink.Message) error {
	return w.print(victimLine{Seq: m.Seq, Camera: m.Camera, ID: m.ID, Data: string(m.Data)})
}

// victim publishes events of three cameras, and prints stored and delivered messages.
func victim(dir string) error {
	w := &printingSink{out: json.NewEncoder(os.Stdout)}
	ctx := context.Background()
	o, err := outbox.Open(ctx, outbox.Options{
		Server: broker.Options{Dir: dir, NoListen: true}, Sinks: []sink.Sink{w}, Reserve: 1 << 16,
		LongestPause: 100 * time.Millisecond,
		Log:          slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	var work sync.WaitGroup
	for _, camera := range cameras[:3] {
		work.Go(func() {
			for {
				id := alerts.NewID()
				for seq, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseUpdate, alerts.PhaseEnd} {
					a := alerttest.Event(camera, id, seq, phase)
					if o.Publish(ctx, a) != nil || w.print(victimLine{Stored: a.MessageID()}) != nil {
						return
					}
				}
			}
		})
	}
	work.Wait()
	return o.Close()
}

// killRounds is 6, or the value of VIGIL_DAMAGE_ROUNDS, and how often a round has damage.
func killRounds(t *testing.T) (rounds, every int) {
	t.Helper()
	text := os.Getenv("VIGIL_DAMAGE_ROUNDS")
	if text == "" {
		return 6, 3
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("VIGIL_DAMAGE_ROUNDS is %q: must be a number above 0", text)
	}
	return n, 10
}

// killSeed is the time, or the value of VIGIL_DAMAGE_SEED.
func killSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("VIGIL_DAMAGE_SEED")
	if text == "" {
		return uint64(time.Now().UnixNano())
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("VIGIL_DAMAGE_SEED is %q: must be a number", text)
	}
	return seed
}

// killedKinds are the kinds of damage applied to the store of a killed process. Messages stored just before the kill
// are not in the ledger yet, so the end of the last block is left alone.
func killedKinds() []kind {
	inside := slices.DeleteFunc(kinds(), func(k kind) bool {
		for _, name := range []string{
			"flip at the start", "flip at a third", "flip in the middle", "KV_VIGIL_OUTBOX: ", "ledger: flipped",
			"ledger: gone", "index.db", "meta.",
		} {
			if strings.Contains(k.name, name) && k.refuse == "" {
				return false
			}
		}
		return true
	})
	slices.SortFunc(inside, func(a, b kind) int { return strings.Compare(a.name, b.name) })
	return inside
}

// killTest is the expected content of a store whose processes are killed.
type killTest struct {
	base
	dir   string
	acked map[string]bool // reported as stored, by id
	lost  map[string]bool // lost by damage; false if the ledger was damaged as well, so that it need not be reported
	ended map[string]bool // events whose end was stored, even if lost later
	logs  bytes.Buffer    // logs of the killed processes
}

// A process that publishes is killed at random moments, and sometimes its store is damaged before the next one opens
// it. Every message that it reported as stored exists, or was reported missing by number.
func TestKilledAndDamaged(t *testing.T) {
	rounds, every := killRounds(t)
	seed := killSeed(t)
	t.Logf("%d rounds, seed %d (VIGIL_DAMAGE_SEED)", rounds, seed)
	r := rand.New(rand.NewPCG(seed, 0))
	s := &killTest{
		base: base{objects: map[string]string{}}, dir: filepath.Join(t.TempDir(), "store"),
		acked: map[string]bool{}, lost: map[string]bool{}, ended: map[string]bool{},
	}
	inside := killedKinds()
	flips := slices.DeleteFunc(slices.Clone(inside),
		func(k kind) bool { return !strings.HasPrefix(k.name, "alerts: block: ") })
	for round := 1; round <= rounds && !t.Failed(); round++ {
		for _, line := range s.kill(t, time.Duration(r.IntN(300))*time.Millisecond) {
			if line.Stored != "" {
				s.acked[line.Stored] = true
			} else {
				s.delivered = append(s.delivered, message{line.Seq, line.Camera, line.ID, line.Data})
			}
		}
		if round%every == 0 || round == rounds {
			k := inside[r.IntN(len(inside))]
			if r.IntN(2) == 0 {
				k = flips[r.IntN(len(flips))]
			}
			s.damage(t, fmt.Sprintf("round %d: %s", round, k.name), k)
		}
	}
	if t.Failed() {
		t.Logf("the logs of those that were killed:\n%s", s.logs.Bytes())
	}
	reported := 0
	for id, wasReported := range s.lost {
		if s.acked[id] && wasReported {
			reported++
		}
	}
	arrived := 0
	had := idsOf(s.delivered)
	for id := range s.acked {
		if _, found := slices.BinarySearch(had, id); found {
			arrived++
		} else if _, lost := s.lost[id]; !lost && !t.Failed() {
			t.Errorf("%s was stored, is not lost, and never arrived", id)
		}
	}
	if len(s.acked) == 0 {
		t.Error("nothing was ever stored: the test shows nothing")
	}
	t.Logf("%d messages were stored and %d of them arrived; damage took %d from the store, recovered ends among "+
		"them: of those that were stored %d were "+
		"reported by number", len(s.acked), arrived, len(s.lost), reported)
}

// damage damages the store, and compares the result with the stored messages.
func (s *killTest) damage(t *testing.T, name string, k kind) {
	t.Helper()
	if err := os.Remove(filepath.Join(s.dir, "vigil.sock")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err) // the dead process's, which cannot be copied
	}
	copied := filepath.Join(t.TempDir(), "copy")
	clone(t, s.dir, copied)
	s.readStore(t, copied)
	there := idsOf(s.stored)
	for id := range s.acked {
		_, found := slices.BinarySearch(there, id)
		if _, lost := s.lost[id]; !lost && !found {
			t.Errorf("%s: before it %s was stored and is lost", name, id)
		}
	}
	t.Logf("%s, of %d messages", name, len(there))
	k.do(&damager{b: &s.base, dir: s.dir}) // files missing after a kill cannot be removed
	now, got := s.examine(t, s.dir, k)
	s.delivered = append(s.delivered, got...)
	left := idsOf(now)
	for _, id := range there {
		if _, found := slices.BinarySearch(left, id); !found {
			s.lost[id] = !k.blind
		}
	}
}

// readStore reads the content of a store.
func (s *killTest) readStore(t *testing.T, dir string) {
	t.Helper()
	server, err := broker.Start(within(t), broker.Options{Dir: dir, NoListen: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := broker.Dial(within(t), broker.DialOptions{Server: server})
	if err != nil {
		t.Fatal(errors.Join(err, server.Shutdown()))
	}
	s.stored, s.open, s.torn = read(t, c.JetStream()), map[string]bool{}, map[string]bool{}
	if err := errors.Join(c.Close(), server.Shutdown()); err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, m := range s.stored {
		a, err := alerts.Decode([]byte(m.data))
		if err != nil {
			t.Fatal(err)
		}
		s.open[a.ID] = true
		if a.Phase == alerts.PhaseEnd {
			s.ended[a.ID], there[a.ID] = true, true
		}
	}
	for id := range s.ended {
		s.torn[id] = s.open[id] && !there[id]
		delete(s.open, id)
	}
}

// kill runs a victim for so long after its first message, and returns its output.
func (s *killTest) kill(t *testing.T, life time.Duration) (all []victimLine) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+s.dir)
	cmd.Stderr = &s.logs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	// A victim that stores nothing prints its stacks at the end.
	hang := time.AfterFunc(hangLimit, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) })
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for first := true; lines.Scan(); first = false {
		if first {
			hang.Stop()
			time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
		}
		var line victimLine
		if json.Unmarshal(lines.Bytes(), &line) == nil { // the last line may be truncated
			all = append(all, line)
		}
	}
	if err := cmd.Wait(); err == nil || len(all) == 0 {
		t.Fatalf("the process ended before it was killed: %v\n%s", err, s.logs.Bytes())
	}
	return all
}
