package evidence

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/internal/alerttest"
)

// withServer runs do with a server on a directory.
func withServer(t *testing.T, dir string, do func(jetstream.JetStream)) {
	t.Helper()
	s, err := broker.Start(alerttest.Within(t), broker.Options{Dir: dir, NoListen: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := broker.Dial(alerttest.Within(t), broker.DialOptions{Server: s})
	if err != nil {
		t.Fatal(errors.Join(err, s.Shutdown()))
	}
	do(c.JetStream())
	if err := errors.Join(c.Close(), s.Shutdown()); err != nil {
		t.Fatal(err)
	}
}

// A piece with an unreadable part is reported, reading it fails at once, and the others are readable.
func TestDamagedPiece(t *testing.T) {
	id := alerts.NewID()
	bad, good := id+"/snapshot-1.jpg", id+"/snapshot-2.jpg"
	marker := bytes.Repeat([]byte("wound"), 100<<10) // several parts
	for _, withIndex := range []bool{true, false} {
		dir := t.TempDir()
		withServer(t, dir, func(js jetstream.JetStream) {
			o := objects(t, js, Limits{Bytes: 64 << 20})
			for name, data := range map[string][]byte{bad: marker, good: []byte("whole")} {
				if err := o.Put(alerttest.Within(t), name, "image/jpeg", data); err != nil {
					t.Fatal(err)
				}
			}
		})
		stream := filepath.Join(dir, "jetstream", "$G", "streams", streamOf(Bucket), "msgs")
		block := filepath.Join(stream, "1.blk")
		data, err := os.ReadFile(block)
		if err != nil {
			t.Fatal(err)
		}
		data[bytes.LastIndex(data, []byte("wound"))] ^= 1
		if err := os.WriteFile(block, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if !withIndex {
			if err := os.Remove(filepath.Join(stream, "index.db")); err != nil {
				t.Fatal(err)
			}
		}
		withServer(t, dir, func(js jetstream.JetStream) {
			o := objects(t, js, Limits{Bytes: 64 << 20})
			if !withIndex && !slices.Equal(o.Damaged(), []string{bad}) {
				t.Errorf("%v are reported as damaged, want %s", o.Damaged(), bad)
			}
			r := NewReader(js)
			if got, err := r.Read(alerttest.Within(t), Bucket, good); err != nil || string(got) != "whole" {
				t.Errorf("with index %v: read %d bytes: %v", withIndex, len(got), err)
			}
			if _, err := r.Read(alerttest.Within(t), Bucket, bad); err == nil ||
				!strings.Contains(err.Error(), "is damaged") {
				t.Errorf("with index %v: the damaged one: %v", withIndex, err)
			}
		})
	}
}
