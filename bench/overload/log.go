//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
)

// runLog collects figures from the program's log.
type runLog struct {
	mu            sync.Mutex
	seconds       float64 // a clip
	capacity      int
	latest        map[string]counters
	events        int
	reasons       map[string]int
	other         []string
	overloadLines int // lines that report overload

	// During the measurement.
	cameras                  int
	least, most              float64 // relative to the mean
	failures, eventsMeasured int
}

// problems lists the deviations from the expected behaviour.
func (w *runLog) problems() (wrong []error) {
	add := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Errorf("%d cameras: "+format, append([]any{w.cameras}, args...)...))
		}
	}
	add(w.failures > 0, "%d failures of cameras: %v", w.failures, w.reasons)
	add(w.least < 0.75 || w.most > 1.25, "the clips of a camera were from %.2f to %.2f of the mean", w.least, w.most)
	add(w.eventsMeasured == 0 && w.events == 0, "there was no event")
	add(w.overloadLines != 1, "the log reports overload %d times", w.overloadLines)
	return wrong
}

type counters struct {
	Scored, Skipped, Failures, Missing, Lost, Gaps, Frames float64
	State                                                  string
}

func (w *runLog) read(r io.Reader, to io.Writer) {
	for lines := bufio.NewScanner(io.TeeReader(r, to)); lines.Scan(); {
		var m map[string]any
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue
		}
		num := func(key string) float64 { f, _ := m[key].(float64); return f }
		str := func(key string) string { s, _ := m[key].(string); return s }
		w.mu.Lock()
		switch m["msg"] {
		case "capacity":
			w.seconds, w.capacity = num("seconds_a_clip"), int(num("such_cameras_fit"))
		case "camera counters":
			w.latest[str("camera")] = counters{
				num("scored"), num("clips_skipped"), num("failures"), num("missing"), num("lost"), num("gaps"),
				num("frames"), str("state"),
			}
		case "alert":
			if m["phase"] == "start" {
				w.events++
			}
		case "camera failed, opening it again":
			w.reasons[str("error")]++
		default:
			if text := str("msg"); strings.HasPrefix(text, "overload:") {
				w.overloadLines++
			}
			if m["camera"] == nil && m["level"] != "INFO" {
				w.other = append(w.other, lines.Text())
			}
		}
		w.mu.Unlock()
	}
}

func (w *runLog) snapshot() map[string]counters {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := map[string]counters{}
	maps.Copy(c, w.latest)
	return c
}
