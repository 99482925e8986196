package broker

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/internal/alerttest"
)

// serve starts an embedded server; with an empty dir it uses a temporary one.
func serve(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "store")
	}
	if o.Port == 0 {
		o.Port = -1
	}
	if o.User == "" && !o.NoListen {
		o.Accounts = append(o.Accounts, writers)
	}
	s, err := Start(alerttest.Within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// writers is the account of programs that write over TCP; asWriter logs in with it.
var writers = Account{Name: "writer", Password: "w", Rights: Write}

func asWriter(url string) DialOptions { return DialOptions{URL: url, User: "writer", Password: "w"} }

func dial(t *testing.T, o DialOptions) *Conn {
	t.Helper()
	c, err := Dial(alerttest.Within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func local(port int) string { return "nats://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// event returns the start message of a new alert.
func event(camera string) alerts.Alert {
	return alerttest.Event(camera, alerts.NewID(), 0, alerts.PhaseStart)
}

func publish(t *testing.T, c *Conn, a alerts.Alert) alerts.Alert {
	t.Helper()
	if err := c.Publish(alerttest.Within(t), a); err != nil {
		t.Fatal(err)
	}
	return a
}

// follow runs Follow until the test ends. The channel's buffer exceeds what any test publishes.
func follow(t *testing.T, c *Conn, o FollowOptions) <-chan alerts.Alert {
	t.Helper()
	got := make(chan alerts.Alert, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- c.Follow(ctx, o, func(r Record) error {
			a, err := alerts.Decode(r.Data)
			got <- a
			return err
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("follow: %v", err)
			}
		case <-time.After(alerttest.LongWait):
			t.Error("follow did not end with its context")
		}
	})
	return got
}

func expect(t *testing.T, got <-chan alerts.Alert, want ...alerts.Alert) {
	t.Helper()
	ctx := alerttest.Within(t)
	for i, w := range want {
		select {
		case a := <-got:
			if a.MessageID() != w.MessageID() {
				t.Fatalf("message %d is %s, want %s", i, a.MessageID(), w.MessageID())
			}
		case <-ctx.Done():
			t.Fatalf("message %d of %d has not come", i, len(want))
		}
	}
}

func storedMessages(t *testing.T, c *Conn) uint64 {
	t.Helper()
	s, err := c.ensureStream(alerttest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

func TestPublishAndFollow(t *testing.T) {
	s := serve(t, Options{})
	for name, o := range map[string]DialOptions{"in the process": {Server: s}, "over TCP": asWriter(s.URL())} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, o)
			camera := alerts.CameraName(name)
			first := publish(t, c, event(camera))
			publish(t, c, event("other"))
			second := first
			second.Seq, second.Phase = 1, alerts.PhaseUpdate
			publish(t, c, second)
			expect(t, follow(t, c, FollowOptions{Subject: alerts.CameraSubject(camera), All: true}), first, second)
			expect(t, follow(t, c, FollowOptions{
				Subject: alerts.CameraSubject(camera),
				Since:   time.Now().Add(-time.Hour),
			}), first, second)
		})
	}
}

func TestFollowWithoutHistoryBeginsNow(t *testing.T) {
	c := dial(t, DialOptions{Server: serve(t, Options{})})
	publish(t, c, event("a"))
	p, err := c.startAt(alerttest.Within(t), FollowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if p.next != 2 {
		t.Errorf("begins with message %d, want 2", p.next)
	}
}

// Behind a position comes each message once, also those to come, and all of a stream that was created again.
func TestFollowFromAPosition(t *testing.T) {
	c := dial(t, DialOptions{Server: serve(t, Options{})})
	ctx := alerttest.Within(t)
	a, b := publish(t, c, event("a")), publish(t, c, event("b"))
	now, err := c.State(ctx)
	if err != nil {
		t.Fatal(err)
	}
	at := now.Position()
	if at.Seq != 2 {
		t.Fatalf("behind the second message: %+v", at)
	}
	got := follow(t, c, FollowOptions{After: &at})
	behindFirst := follow(t, c, FollowOptions{After: &Position{at.Created, 1}})
	d := publish(t, c, event("d"))
	expect(t, got, d)
	expect(t, behindFirst, b, d)
	if p, err := c.startAt(ctx, FollowOptions{After: &Position{at.Created, 99}}); err != nil || p.next != 4 {
		t.Errorf("behind a message that is not there yet: %+v, %v, want 4", p, err)
	}
	expect(t, follow(t, c, FollowOptions{After: &Position{at.Created.Add(-time.Second), 2}}), a, b, d)
	if err := c.js.DeleteStream(ctx, Stream); err != nil {
		t.Fatal(err)
	}
	e := publish(t, c, event("e"))
	positions := make(chan Position, 1)
	ctx, stop := context.WithCancel(ctx)
	err = c.Follow(ctx, FollowOptions{After: &at}, func(r Record) error {
		positions <- r.Position()
		stop()
		return nil
	})
	if p := <-positions; err != nil || p.Seq != 1 || !p.Created.After(at.Created) {
		t.Errorf("of a new stream: %+v, %v", p, err)
	}
	expect(t, got, e)
}

func TestRepeatIsStoredOnce(t *testing.T) {
	c := dial(t, DialOptions{Server: serve(t, Options{})})
	a := publish(t, c, event("a"))
	publish(t, c, a)
	if n := storedMessages(t, c); n != 1 {
		t.Errorf("%d messages stored, want 1", n)
	}
}

func TestFollowReturnsTheCallersError(t *testing.T) {
	c := dial(t, DialOptions{Server: serve(t, Options{})})
	publish(t, c, event("a"))
	stop := errors.New("enough")
	err := c.Follow(alerttest.Within(t), FollowOptions{All: true}, func(Record) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("error %v, want %v", err, stop)
	}
}

func TestScoresAndStatusReachAPlainSubscriber(t *testing.T) {
	c := dial(t, DialOptions{Server: serve(t, Options{})})
	sub, err := c.nc.SubscribeSync("vigil.*.yard")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.PublishScore(alerts.Score{Camera: "yard", Frame: 8, Wall: time.Now(), Error: 0.01}); err != nil {
		t.Fatal(err)
	}
	if err := c.PublishStatus(alerts.Status{Camera: "yard", State: alerts.StateLive, Wall: time.Now()}); err != nil {
		t.Fatal(err)
	}
	msg, err := sub.NextMsgWithContext(alerttest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := alerts.DecodeScore(msg.Data); err != nil || s.Frame != 8 {
		t.Errorf("score %+v, %v", s, err)
	}
	if msg, err = sub.NextMsgWithContext(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	if s, err := alerts.DecodeStatus(msg.Data); err != nil || s.State != alerts.StateLive {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestPublishRefusesInvalidAlert(t *testing.T) {
	c := dial(t, DialOptions{Server: serve(t, Options{})})
	if err := c.Publish(alerttest.Within(t), alerts.Alert{Camera: "a"}); err == nil {
		t.Error("an empty alert was published")
	}
}
