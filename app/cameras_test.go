//go:build linux && cgo && gocv_videoio

package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"vigil/alerts"
	"vigil/alerts/cameras"
	"vigil/api"
)

// forgetful stores changes, and loses its answers while it is unreachable.
type forgetful struct {
	cameraStore
	unreachable bool
}

var errLost = errors.New("no answer")

func (f *forgetful) Put(ctx context.Context, e cameras.Entry) (uint64, error) {
	revision, err := f.cameraStore.Put(ctx, e)
	if f.unreachable {
		return 0, errors.Join(err, errLost)
	}
	return revision, err
}

func (f *forgetful) Remove(ctx context.Context, e cameras.Entry) error {
	err := f.cameraStore.Remove(ctx, e)
	if f.unreachable {
		return errors.Join(err, errLost)
	}
	return err
}

// TestEditsAfterFailures makes cameras whose change is stored without an answer: they are shown as failed, other edits
// and reloads go on, and they can be changed and removed.
func TestEditsAfterFailures(t *testing.T) {
	r := startReloading(t, 1)
	store := &forgetful{cameraStore: r.store}
	r.store = store
	put := func(name string, revision uint64, hop int) (api.Edited, error) {
		return r.PutCamera(t.Context(), name, api.Edit{
			Settings: fmt.Appendf(nil, `{"source":%q,"fps":0,"hop":%d,"threshold":{"lo":0.1,"theta":0.5}}`,
				r.video, hop),
			Revision: revision, By: "cli", Local: true,
		})
	}
	shown := func(name string) (found api.Camera) {
		for _, c := range r.Status(t.Context()).Cameras {
			if c.Name == name {
				found = c
			}
		}
		return found
	}
	store.unreachable = true
	if _, err := put("a", 0, 8); !errors.Is(err, errLost) {
		t.Fatalf("added without an answer: %v", err)
	}
	store.unreachable = false
	for range 2 { // the second time another camera was edited meanwhile
		if a := shown("a"); a.State != alerts.StateFailed || a.Revision == 0 ||
			!strings.Contains(a.Detail, "not in effect") {
			t.Fatalf("the camera is %+v", a)
		}
		if _, err := put("b", shown("b").Revision, 8-int(min(1, shown("b").Revision))); err != nil {
			t.Fatal(err)
		}
	}
	r.until("the other camera runs", func() bool { return r.stats()["b"].Frames > 0 })

	// A reload is not prevented by it, and takes it up.
	r.write("vigil.yaml", strings.Replace(r.yaml(1, nil), "hop: 8", "hop: 4", 1))
	if got := r.reload(); got.Err != nil {
		t.Fatal(got.Err)
	}
	r.until("the camera runs after a reload", func() bool { return r.stats()["a"].Frames > 0 })
	revision := shown("a").Revision
	store.unreachable = true
	if _, err := put("a", revision, 4); !errors.Is(err, errLost) {
		t.Fatalf("changed without an answer: %v", err)
	}
	store.unreachable = false
	if _, err := put("a", revision, 4); err == nil {
		t.Error("a revision that was replaced is replaced again")
	}
	if got := shown("a").Revision; got <= revision {
		t.Errorf("it is at revision %d after %d", got, revision)
	}
	if err := r.switches.change(t.Context(), "a", alerts.SwitchChange{Action: alerts.ActionPause}, "cli"); err != nil {
		t.Fatal(err)
	}
	store.unreachable = true
	if _, err := r.RemoveCamera(t.Context(), "a", api.Edit{By: "cli"}); !errors.Is(err, errLost) {
		t.Fatalf("removed without an answer: %v", err)
	}
	store.unreachable = false
	if _, err := r.RemoveCamera(t.Context(), "a", api.Edit{By: "cli"}); err != nil {
		t.Errorf("removed again: %v", err)
	}
	if a := shown("a"); a.Configured {
		t.Errorf("the removed camera is %+v", a)
	}
	if done, err := put("a", 0, 8); err != nil || !strings.Contains(done.Detail, "earlier camera") {
		t.Errorf("added again: %+v, %v", done, err)
	}
	if err := r.switches.change(t.Context(), "a", alerts.SwitchChange{Action: alerts.ActionResume}, "cli"); err != nil {
		t.Fatal(err)
	}
	if _, err := put(strings.Repeat("n", maxName+1), 0, 8); err == nil {
		t.Error("a very long name is accepted")
	}

	// With too little memory for all of them, the last ones fail at a start.
	buffers := r.start.Buffers
	for r.start.Buffers = 1; ; r.start.Buffers++ {
		all := r.allMade()
		if _, err := r.edit(t.Context(), all, slices.Collect(maps.Keys(all)), true); err == nil {
			if all["b"].err == nil {
				t.Errorf("%d MiB are enough for one camera and for three", r.start.Buffers)
			}
			break
		}
		if r.start.Buffers > buffers {
			t.Fatal("there is never enough memory")
		}
	}
	r.start.Buffers = buffers

	// The file must have a camera of its own, or the next start would fail.
	head, _, _ := strings.Cut(r.yaml(1, nil), "cameras:")
	r.write("vigil.yaml", head+"cameras: []\n")
	if got := r.reload(); got.Err == nil || !strings.Contains(got.Err.Error(), "cameras: none is configured") {
		t.Errorf("a file without cameras: %v", got.Err)
	}
	if len(r.stats()) != 3 {
		t.Errorf("%d cameras run, want 3", len(r.stats()))
	}
}
