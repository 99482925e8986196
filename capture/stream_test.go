package capture

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/capture/source"
)

func TestClock(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name      string
		step      time.Duration
		raw, want []time.Duration
	}{
		{"plain", 100 * ms, []time.Duration{0, 100, 200}, []time.Duration{0, 100, 200}},
		{"starts late", 100 * ms, []time.Duration{200, 300, 400}, []time.Duration{0, 100, 200}},
		{
			"starts at an absurd time", 40 * ms,
			[]time.Duration{-7686143, -7686103, -7686063},
			[]time.Duration{0, 40, 80},
		},
		{"never moves", 100 * ms, []time.Duration{0, 0, 0, 0}, []time.Duration{0, 100, 200, 300}},
		{"first one untimed", 40 * ms, []time.Duration{0, 0, 40, 80, 200}, []time.Duration{0, 40, 80, 120, 240}},
		{"first one untimed, B-frames", 100 * ms, []time.Duration{0, -100, 0, 100}, []time.Duration{0, 100, 200, 300}},
		{"stands still", 40 * ms, []time.Duration{0, 40, 40, 120}, []time.Duration{0, 40, 80, 120}},
		{"goes back", 100 * ms, []time.Duration{0, 100, 200, 50, 150}, []time.Duration{0, 100, 200, 50, 150}},
	}
	for _, tt := range tests {
		c := ptsClock{step: tt.step}
		var got []time.Duration
		for _, raw := range tt.raw {
			pts, _ := c.at(raw*ms, time.Time{})
			got = append(got, pts/ms)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	c := ptsClock{step: 100 * ms}
	var now time.Time
	c.at(0, now)
	c.at(100*ms, now)
	if a, b := c.untimed(now), c.untimed(now); a != 200*ms || b != 300*ms {
		t.Errorf("without a time: %v, %v", a, b)
	}
}

func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pacer
		began := time.Now()
		for _, pts := range []time.Duration{5, 6, 9, 2, 4, 40000, 40000} { // 2 restarts; 40000 is too long a step
			if err := p.pace(t.Context(), pts*time.Second); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(began); got != 6*time.Second {
			t.Errorf("took %v, want 6s", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.pace(ctx, 40005*time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

// TestFFmpegOptions checks that only one source is opened at a time, with its own options, and that a cancelled context
// ends the wait.
func TestFFmpegOptions(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- withFFmpegOptions(t.Context(), "first", func() {
			close(began)
			<-finish
			if got := os.Getenv(ffmpegOptions); got != "first" {
				t.Errorf("opened with options %q, want first", got)
			}
		})
	}()
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := withFFmpegOptions(ctx, "cancelled", func() { t.Error("opened beside another source") }); !errors.Is(err,
		context.Canceled) {
		t.Errorf("error %v", err)
	}
	close(finish)
	if err := <-done; err != nil {
		t.Error(err)
	}
	opened := false
	if err := withFFmpegOptions(t.Context(), "second", func() {
		opened = os.Getenv(ffmpegOptions) == "second"
	}); err != nil || !opened {
		t.Errorf("opened with its options: %v, error %v", opened, err)
	}
}

func TestNaturalOrder(t *testing.T) {
	want := []string{
		"1.png", "02.png", "2.png", "010.png", "a1b2", "a1b10", "a02b1", "a10", "frame_9.tif",
		"frame_10.tif", "z",
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, naturalOrder)
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestOptions(t *testing.T) {
	for _, bad := range []Options{{Transport: "quic"}, {Reader: "vlc"}, {FolderFPS: -1}, {FolderFPS: 1e9}} {
		if _, err := Open(t.Context(), source.Address{}, bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if _, err := Open(t.Context(), source.Address{}, Options{}); err == nil ||
		!strings.Contains(err.Error(), "the address is empty") {
		t.Errorf("the zero address: %v", err)
	}
}

func TestStabiliseFPS(t *testing.T) {
	for _, c := range []struct{ measured, known, want float64 }{
		{25, 0, 25}, {0, 0, 0}, {24.7, 25, 25}, {0, 25, 25}, {10, 25, 10}, {50, 25, 50}, {30, 25, 25}, {32, 25, 32},
	} {
		if got := stabiliseFPS(c.measured, c.known); got != c.want {
			t.Errorf("measured %g, known %g: %g, want %g", c.measured, c.known, got, c.want)
		}
	}
}
