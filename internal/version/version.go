// Package version describes this program and its libraries.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"vigil/capture"
	"vigil/model/kernel"
)

// Info describes this binary for a report of a fault.
type Info struct {
	Version  string `json:"version"`            // of the module; (devel) if the build knew no commit
	Commit   string `json:"commit,omitempty"`   // the commit it was built from; empty if the build knew none
	Time     string `json:"time,omitempty"`     // of the commit
	Modified bool   `json:"modified,omitempty"` // there were changes beside the commit
	OpenCV   string `json:"opencv,omitempty"`   // of the library that is loaded; empty without one
	FFmpeg   string `json:"ffmpeg,omitempty"`   // likewise
	ISA      string `json:"isa"`                // the instruction set that the model is computed with
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Of describes this process. The instruction set that VIGIL_ISA asks for has been checked.
func Of() Info {
	v := Info{
		Version: "(devel)", ISA: kernel.BestSet().Name, Go: runtime.Version(), Platform: runtime.GOOS + "/" +
			runtime.GOARCH,
	}
	v.OpenCV, v.FFmpeg = capture.Libraries()
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// String is the description in lines.
func (v Info) String() string {
	commit := v.Commit
	if commit == "" {
		commit = "unknown: the build recorded none"
	}
	if v.Time != "" {
		commit += " of " + v.Time
	}
	if v.Modified {
		commit += ", with changes"
	}
	library := func(version string) string {
		if version == "" {
			return "none: built without it, so no camera can be watched"
		}
		return version
	}
	var b strings.Builder
	fmt.Fprintf(&b, "vigil %s\n", v.Version)
	for _, line := range [][2]string{
		{"commit", commit},
		{"OpenCV", library(v.OpenCV)},
		{"FFmpeg", library(v.FFmpeg)},
		{"instructions", v.ISA},
		{"Go", v.Go + " " + v.Platform},
	} {
		fmt.Fprintf(&b, "%-12s  %s\n", line[0], line[1])
	}
	return b.String()
}
