package main

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"vigil/capture"
	"vigil/internal/version"
	"vigil/model/kernel"
)

func TestVersion(t *testing.T) {
	opencv, ffmpeg := capture.Libraries()
	for _, args := range [][]string{{"version"}, {"--version"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, &out, &errs); code != exitDone {
			t.Fatalf("%v: exit code %d: %s", args, code, &errs)
		}
		if !strings.HasPrefix(out.String(), "vigil ") {
			t.Errorf("%v begins with %q", args, out.String())
		}
		for name, want := range map[string]string{
			"OpenCV": opencv, "FFmpeg": ffmpeg,
			"instructions": kernel.BestSet().Name, "Go": runtime.Version(), "commit": "",
		} {
			if want == "" && name != "commit" {
				want = "none"
			}
			if !strings.Contains(out.String(), "\n"+name+strings.Repeat(" ", 14-len(name))+want) {
				t.Errorf("%v does not say %s %s:\n%s", args, name, want, &out)
			}
		}
	}
	var out, errs bytes.Buffer
	var v version.Info
	if code := run(t.Context(), []string{"version", "--json"}, &out, &errs); code != exitDone ||
		json.Unmarshal(out.Bytes(), &v) != nil {
		t.Fatalf("exit code %d: %s%s", code, &out, &errs)
	}
	if v.OpenCV != opencv || v.FFmpeg != ffmpeg || v.ISA != kernel.BestSet().Name || v.Go != runtime.Version() ||
		v.Version == "" {
		t.Errorf("%+v", v)
	}
	// Another instruction set than the machine has is named, and is no crash.
	t.Setenv(kernel.EnvISA, "none")
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if code := run(t.Context(), args, &out, &errs); code != exitUsage ||
			!strings.Contains(errs.String(), kernel.EnvISA) {
			t.Errorf("%v: exit code %d: %s", args, code, &errs)
		}
	}
}
