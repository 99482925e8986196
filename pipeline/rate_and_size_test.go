//go:build cgo && gocv_videoio

package pipeline

import (
	"strings"
	"testing"

	"vigil/internal/rtsptest"
	"vigil/pipeline/calibrate"
)

// TestRateAndSizeChangeAtNight checks that a camera that returns with another rate at night, and once with another
// size, goes on, reports the mismatch, and is live again by itself when it fits.
func TestRateAndSizeChangeAtNight(t *testing.T) {
	t.Parallel()
	ball := func(size, rate string) rtsptest.Options {
		return rtsptest.Options{Launch: "( videotestsrc is-live=true pattern=ball ! video/x-raw," + size +
			",framerate=" + rate + "/1 ! " +
			"x264enc tune=zerolatency speed-preset=ultrafast threads=1 key-int-max=12 ! rtph264pay name=pay0 pt=96 )"}
	}
	const small, large = "width=160,height=120", "width=320,height=240"
	server := rtsptest.Start(t, ball(small, "25"))
	st := startCamerasWith(t, func(c *Camera) {
		key := c.CalibrationKey()
		key.Width, key.Height, key.FPS = 160, 120, 25
		c.Threshold = Threshold{Lo: 1, Theta: 2, Calibration: &calibrate.Calibration{
			ID: "x", Key: key,
			Lo: 1, Theta: 2,
		}}
		c.Recalibrate = "calibrate it"
	}, server.URL())
	s := st.cameras[0]
	s.waitForPictures(t)
	for _, c := range []struct {
		size, rate, state, detail string
	}{
		{small, "12", "rate_mismatch", "frame rate is 12, calibrated for 25; calibrate it"},
		{large, "25", "size_mismatch", "picture size is 320x240, calibrated for 160x120; calibrate it"},
		{small, "25", "live", ""},
	} {
		mark := s.mark()
		server.Become(ball(c.size, c.rate))
		waitFor(t, c.state, func() bool {
			states, details := s.since(mark)
			return strings.HasSuffix(states, c.state) && strings.Contains(states, "connecting") &&
				strings.Contains(details, c.detail)
		})
	}
	checkSums(t, st.end(t)[0])
	held := 0
	for _, c := range s.clips {
		if c.Held {
			held++
		}
	}
	if held == 0 || held == len(s.clips) {
		t.Errorf("%d of %d clips were held", held, len(s.clips))
	}
}
