package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/eval"
	"vigil/internal/docs"
)

// runDetect runs 'vigil detect' with a text on standard input.
func runDetect(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := rootCommand()
	root.SetArgs(append([]string{"detect"}, args...))
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	if err := root.ExecuteContext(t.Context()); err != nil {
		code = exitFailed
		if isUsage(err) {
			code = exitUsage
		}
		stderr.WriteString(err.Error())
	}
	return code, stdout.String(), stderr.String()
}

func TestDetect(t *testing.T) {
	const story = "open_after 1\n0 3\n1 4\n2 3\n3 0\n6 0\n"
	scores := "video,frame,error,regularity\na.mkv,8,3,0.1\na.mkv,18,3,0.1\na.mkv,28,3,0.9\na.mkv,58,0,0.9\n"
	file := filepath.Join(t.TempDir(), "scores.csv")
	if err := os.WriteFile(file, []byte(scores), 0o600); err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(t.TempDir(), "events.csv")
	for name, c := range map[string]struct {
		stdin string
		args  []string
		code  int
		want  []string // in what is printed
	}{
		"a timeline": {story, []string{"-"}, exitDone, []string{
			"standard input  0.0 s  1.0 s   1.0 s  2.0 s  4           0.00        calm\n1 event in 1 video\n",
		}},
		"a flag": {story, []string{"-", "--open-after", "3s"}, exitDone, []string{"0 events in 1 video\n"}},
		"what is expected": {
			story + "events\n0 1 1 2 4 0 calm\n",
			[]string{"-", "--json"},
			exitDone,
			[]string{`"start_frame": null`, `"raised_seconds": 1,`, `"end_reason": "calm"`, `"open_after": 1,`},
		},
		"another event": {
			story + "events\n0 1 1 2 4 0 source_ended\n",
			[]string{"-"},
			exitFailed,
			[]string{
				"1 event in 1 video\n",
				"expects 0 1 1 2 4 0 source_ended, and the detector gives 0 1 1 2 4 0 calm",
			},
		},
		"a file": {"", []string{file, "--fps", "10", "-o", table}, exitDone, []string{
			"a      0.8 s  2.5 s   0.8 s  1.8 s  3           0.10        source_ended\n1 event in 1 video\n",
		}},
		"its rate":         {"", []string{file}, exitUsage, []string{"--fps: how many frames a second"}},
		"no file":          {"", []string{file + "x", "--fps", "10"}, exitFailed, []string{"scores.csvx"}},
		"no scores":        {"", nil, exitUsage, []string{"accepts 1 arg"}},
		"half a threshold": {story, []string{"-", "--lo", "1"}, exitUsage, []string{"give both"}},
		"no such place": {
			story,
			[]string{"-", "-o", filepath.Join(t.TempDir(), "a", "b")},
			exitFailed,
			[]string{"write "},
		},
	} {
		code, out, errs := runDetect(t, c.stdin, c.args...)
		if code != c.code {
			t.Errorf("%s: exit code %d, want %d\n%s%s", name, code, c.code, out, errs)
		}
		for _, want := range c.want {
			if !strings.Contains(out+errs, want) {
				t.Errorf("%s: want %q in\n%s%s", name, want, out, errs)
			}
		}
	}
	text, err := os.ReadFile(table)
	if want := strings.Join(eval.DetectColumns, ",") +
		"\na,8,25,8,18,0.800,2.500,0.800,1.800,3,0.1,source_ended\n"; err != nil ||
		string(text) != want {
		t.Errorf("%v, table\n%s, want\n%s", err, text, want)
	}
}

// The page's example is what it says.
func TestDetectReadsThePage(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats/timeline.md")
	if err != nil {
		t.Fatal(err)
	}
	story := docs.Page{Text: string(text)}.Blocks()[0].Text
	code, out, errs := runDetect(t, story, "-", "--json")
	var result eval.Detected
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != exitDone || len(result.Events) != 1 {
		t.Errorf("exit code %d, %v: %s%s", code, err, out, errs)
	}
}
