package evidence

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/internal/alerttest"
	"vigil/internal/leaktest"
)

// Failing to open a bucket at any step returns an error and leaves nothing open.
func TestOpenObjectsLeavesNothingOpen(t *testing.T) {
	for name, spoil := range map[string]func(context.Context, jetstream.JetStream) error{
		"another stream has the subjects": func(ctx context.Context, js jetstream.JetStream) error {
			_, err := js.CreateStream(ctx,
				jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"$O." + Bucket + ".>"}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			js := server(t)
			if err := spoil(alerttest.Within(t), js); err != nil {
				t.Fatal(err)
			}
			leaktest.None(t, func() {
				if _, err := OpenObjects(alerttest.Within(t), js, Limits{Bytes: 1 << 20}); err == nil {
					t.Error("open")
				}
			})
		})
	}
	leaktest.None(t, func() { t.Run("canceled", stopOpening) })
}

// stopOpening cancels the opening at each of its steps.
func stopOpening(t *testing.T) {
	js := server(t)
	o := objects(t, js, Limits{Bytes: 1 << 20})
	for _, name := range []string{"/a", "/b"} {
		if err := o.Put(alerttest.Within(t), name, "image/jpeg", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for n := 1; ; n += 1 + n/10 {
		ctx := leaktest.After(alerttest.Within(t), n)
		if _, err := OpenObjects(ctx, js, Limits{Bytes: 1<<20 + int64(n)}); err == nil && !ctx.Over() {
			return
		}
	}
}
