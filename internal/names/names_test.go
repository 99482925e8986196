package names

import (
	"slices"
	"strings"
	"testing"

	"vigil/alerts"
	"vigil/capture/source"
)

func addresses(t *testing.T, texts ...string) (out []source.Address) {
	t.Helper()
	for _, text := range texts {
		a, err := source.ParseAddress(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		out = append(out, a)
	}
	return out
}

// TestNames distinguishes sources with one name, in any order.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		name                         string
		sources, recordings, cameras []string
	}{
		{"base names differ", []string{"day1/a.mkv", "day2/b.mkv"}, []string{"a.mkv", "b.mkv"}, []string{"a", "b"}},
		{
			"one base name",
			[]string{"day1/cam.mkv", "day2/cam.mkv", "day2/yard.mkv"},
			[]string{"day1/cam.mkv", "day2/cam.mkv", "yard.mkv"},
			[]string{"day1-cam", "day2-cam", "yard"},
		},
		{
			"as short as can be",
			[]string{"/x/day1/cam.mkv", "/y/day1/cam.mkv", "/y/day2/cam.mkv"},
			[]string{"x/day1/cam.mkv", "y/day1/cam.mkv", "day2/cam.mkv"},
			[]string{"x-day1-cam", "y-day1-cam", "day2-cam"},
		},
		{
			"other endings",
			[]string{"/x/cam.mkv", "/x/cam.avi"},
			[]string{"cam.mkv", "cam.avi"},
			[]string{"cam-2", "cam"},
		},
		{"one is the end of the other", []string{"/cam", "/x/cam"}, []string{"cam", "x/cam"}, []string{"cam", "x-cam"}},
		{"a recording twice", []string{"/x/cam.mkv", "/x/cam.mkv"}, []string{"cam.mkv", "cam.mkv (2)"}, nil},
		{
			"hosts",
			[]string{"rtsp://10.0.0.7/stream1", "rtsp://10.0.0.8:8554/stream1", "rtsp://yard/live"},
			nil,
			[]string{"10-0-0-7-stream1", "10-0-0-8-8554-stream1", "live"},
		},
		{
			"streams of a host",
			[]string{"rtsp://a/1/main", "rtsp://a/2/main", "rtsp://a/cam?channel=1", "rtsp://a/cam?channel=2"},
			nil,
			[]string{"1-main", "2-main", "cam-channel-1", "cam-channel-2"},
		},
		{
			"only secrets differ",
			[]string{"rtsp://u:secretA@a/main", "rtsp://u:secretB@a/main", "rtsp://u:secretC@b/main"},
			nil,
			[]string{"a-main", "a-main-2", "b-main"},
		},
		{
			"a number that another has",
			[]string{"rtsp://u:1@a/m", "rtsp://u:2@a/m", "rtsp://b/m-2"},
			nil,
			[]string{"m", "m-3", "m-2"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			sources := addresses(t, c.sources...)
			for _, of := range []struct {
				names func([]source.Address) []string
				want  []string
			}{{Recordings, c.recordings}, {Cameras, c.cameras}} {
				if of.want == nil {
					continue
				}
				if got := of.names(sources); !slices.Equal(got, of.want) {
					t.Errorf("%v, want %v", got, of.want)
				}
				back, want := slices.Clone(sources), slices.Clone(of.want)
				if sources[0] == sources[1] {
					continue
				}
				slices.Reverse(back)
				slices.Reverse(want)
				if got := of.names(back); !slices.Equal(got, want) {
					t.Errorf("reversed %v, want %v", got, want)
				}
			}
			for _, name := range Cameras(sources) {
				if err := alerts.ValidCamera(name); err != nil || strings.Contains(name, "secret") {
					t.Errorf("%q: %v", name, err)
				}
			}
		})
	}
}
