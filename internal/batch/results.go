package batch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"vigil/alerts"
)

// VideoResult is the result of replaying one recording.
type VideoResult struct {
	Video  string  `json:"video"`
	Frames uint64  `json:"frames"`
	Clips  uint64  `json:"clips"`
	Events uint64  `json:"events"`
	Source float64 `json:"source_fps,omitempty"` // frames per second of the recording
	Seen   float64 `json:"fps,omitempty"`        // frames per second that the model saw
	Error  string  `json:"error,omitempty"`
	// Untrusted is how often the camera could not be trusted, Held how many events would have started meanwhile.
	Untrusted uint64 `json:"untrusted,omitempty"`
	Held      uint64 `json:"alerts_held,omitempty"`
	// Unscorable are the clips that could not be scored.
	Unscorable uint64 `json:"unscorable,omitempty"`
}

// Results are those of several recordings.
type Results []VideoResult

// Sum adds up frames, clips and events.
func (r Results) Sum() (sum VideoResult) {
	for _, v := range r {
		sum.Frames += v.Frames
		sum.Clips += v.Clips
		sum.Events += v.Events
		sum.Untrusted += v.Untrusted
		sum.Held += v.Held
	}
	return sum
}

// Failed joins the errors of the recordings that failed.
func (r Results) Failed() error {
	var failed []error
	for _, v := range r {
		if v.Error != "" {
			failed = append(failed, errors.New(v.Error))
		}
	}
	return errors.Join(failed...)
}

// Print prints a table, and sums over the time that it took. It returns the errors of the recordings.
func (r Results) Print(out io.Writer, took time.Duration) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "video\tframes\tclips\tevents\t\n")
	for _, v := range r {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t\n", v.Video, v.Frames, v.Clips, v.Events)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	sum, seconds := r.Sum(), took.Seconds()
	fmt.Fprintf(out, "%d videos, %d frames, %d clips, %d events in %.1f s: %.0f frames/s, %.1f clips/s\n", len(r),
		sum.Frames, sum.Clips, sum.Events, seconds, float64(sum.Frames)/seconds, float64(sum.Clips)/seconds)
	if sum.Untrusted > 0 {
		fmt.Fprintf(out, "the camera could not be trusted %d times; %d events would have started meanwhile\n",
			sum.Untrusted, sum.Held)
	}
	return r.Failed()
}

// PrintJSON prints the results and sums on a line. It returns the errors of the recordings, too.
func (r Results) PrintJSON(out io.Writer, took time.Duration) error {
	sum := r.Sum()
	err := json.NewEncoder(out).Encode(map[string]any{
		"videos": r, "frames": sum.Frames, "clips": sum.Clips, "events": sum.Events, "untrusted": sum.Untrusted,
		"alerts_held": sum.Held, "seconds": took.Seconds(),
	})
	return errors.Join(r.Failed(), err)
}

// EventText describes an event that has ended.
func EventText(video string, a alerts.Alert) string {
	if a.Kind == alerts.KindUntrusted {
		return fmt.Sprintf("%s: frames %d to %d (%.1f s to %.1f s), the camera could not be trusted: %s, found at "+
			"frame %d; %s", video, a.Start.Frame, a.End.Frame, a.Start.StreamSeconds, a.End.StreamSeconds, a.Reason,
			a.Peak.Frame, a.EndReason)
	}
	zones := ""
	if len(a.Zones) > 0 {
		zones = ", in " + strings.Join(a.Zones, ", ")
	}
	return fmt.Sprintf("%s: frames %d to %d (%.1f s to %.1f s), peak %.4g at frame %d against a threshold of %.4g, "+
		"regularity %.2f%s", video, a.Start.Frame, a.End.Frame, a.Start.StreamSeconds, a.End.StreamSeconds,
		a.PeakError, a.Peak.Frame, a.Threshold, a.PeakRegularity, zones)
}
