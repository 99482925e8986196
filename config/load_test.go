package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"vigil/geometry"
)

// password contains every character that is special in YAML.
const password = `hunter2: [x] #"&*`

func setTestEnv(t *testing.T) {
	t.Helper()
	t.Setenv("VIGIL_TEST_PASSWORD", password)
	t.Setenv("VIGIL_TEST_URL_PASSWORD", "hunter2%40: [x]")
	t.Setenv("VIGIL_TEST_NUMBER", "8")
}

func TestLoadErrors(t *testing.T) {
	setTestEnv(t)
	found, err := filepath.Glob("testdata/*.bad.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		if _, ok := loadErrors[filepath.Base(path)]; !ok {
			t.Errorf("%s is not in the table", path)
		}
	}
	for file, want := range loadErrors {
		t.Run(file, func(t *testing.T) {
			path := filepath.Join("testdata", file)
			_, err := Load(path)
			if _, ok := errors.AsType[*Errors](err); !ok {
				t.Fatalf("want *Errors, got %v", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is shown: %v", err)
			}
			got := strings.ReplaceAll(err.Error(), path+":", "")
			got = strings.TrimSpace(strings.ReplaceAll("\n"+got, "\n ", "\n"))
			if _, rest, several := strings.Cut(got, " problems:\n"); several {
				got = rest
			}
			if want = strings.TrimSpace(want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestErrorNamesFileLineAndKey(t *testing.T) {
	path := writeFile(t, "cameras:\n  - {name: a, source: device:0}\n  - name: b\n    source: device:1\n    hop: 0\n")
	_, err := Load(path)
	if want := path + ":5: cameras[1].hop: is 0, must be at least 1"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestLoadNoFile(t *testing.T) {
	folder := t.TempDir()
	for path, want := range map[string]string{
		folder:                               "is a folder; must be a file",
		filepath.Join(folder, "none"):        "no such file; vigil config init writes one to start from",
		writeFile(t, "x: "+big(maxFile)):     "is larger than 1 MiB; must be a configuration in YAML",
		writeFile(t, "cameras: ["+aliases()): "goes beyond 100000 values",
	} {
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}

// TestManyProblems: the message stays readable, and building it does not take quadratic time.
func TestManyProblems(t *testing.T) {
	_, err := Load(writeFile(t, "defaults: {hop: 0}\ncameras: ["+strings.Repeat("{},", 3_000)+"]\n"))
	if err == nil || !strings.Contains(err.Error(), " has 6001 problems:\n") ||
		!strings.HasSuffix(err.Error(), "\nand 5901 more") {
		t.Errorf("got %.200v", err)
	}
	_, err = Load(writeFile(t, "x: 1\n"+strings.Repeat("x: 1\n", 20_000)))
	if err == nil || !strings.HasSuffix(err.Error(), "\nand 19901 more") {
		t.Errorf("got %.200v", err)
	}
}

func big(n int) string { return strings.Repeat("x", n) }

// aliases is the end of a list of cameras that expands to millions of points.
func aliases() string {
	polygon := "[" + strings.Repeat("[0, 0],", 1000) + "]"
	return "{name: a, source: device:0, mask: &m [&p " + polygon + strings.Repeat(", *p", 1000) + "]}" +
		strings.Repeat(", {mask: *m}", 1000) + "]\n"
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vigil.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func loadGood(t *testing.T, file string) Config {
	t.Helper()
	setTestEnv(t)
	c, err := Load(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestGoodFiles loads every good file, and then its YAML output.
func TestGoodFiles(t *testing.T) {
	found, err := filepath.Glob("testdata/*.good.yml")
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	for _, path := range found {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c := loadGood(t, filepath.Base(path))
			text, err := c.YAML()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "hunter2") {
				t.Errorf("a secret is printed:\n%s", text)
			}
			again, err := Load(writeFile(t, string(text)))
			if err != nil {
				t.Fatal(err)
			}
			if text2, err := again.YAML(); err != nil || string(text2) != string(text) {
				t.Errorf("printed and loaded again:\n%s\nwas\n%s", text2, text)
			}
		})
	}
}

func TestMinimalHasDefaults(t *testing.T) {
	c := loadGood(t, "minimal.good.yml")
	d := Default()
	d.DataDir = absolute(t, "testdata/vigil-data")
	want := Camera{Name: "gate", Source: c.Cameras[0].Source, Settings: d.Defaults}
	if got := c.Cameras[0]; !reflect.DeepEqual(got, want) || got.Source.Reveal() != "device:0" {
		t.Errorf("camera\n%+v\nwant\n%+v", got, want)
	}
	c.Cameras = nil
	if !reflect.DeepEqual(c, d) {
		t.Errorf("got\n%+v\nwant\n%+v", c, d)
	}
}

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}

func TestLoadFull(t *testing.T) {
	c := loadGood(t, "full.good.yml")
	gate, yard := c.Cameras[0], c.Cameras[1]
	square := geometry.Polygon{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 0.1}}
	check := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	check("data_dir", c.DataDir, absolute(t, "testdata/data"))
	check("password from the environment", c.NATS.Password.Reveal(), password)
	check("quoted number as password", c.NATS.Embedded.Password.Reveal(), "1234")
	check("source", gate.Source.Reveal(), "rtsp://u:hunter2%40:%20%5Bx%5D@192.0.2.1/stream")
	check("own hop", gate.Hop, 1)
	check("hop from defaults", yard.Hop, 4)
	check("explicit zero", gate.Detector.CoolDown, time.Duration(0))
	check("beside an own key", gate.Detector.Enter, 0.4)
	check("key of the built-in defaults", gate.Detector.Leave, 0.6)
	check("explicit empty list", len(gate.Mask), 0)
	check("mask from defaults", yard.Mask[0], square)
	check("armed", len(gate.Armed)*10+len(yard.Armed), 1)
	check("threshold, one key each", *gate.Threshold, Threshold{Lo: 0.01, Theta: 0.03})
	check("calibration in place of the defaults' threshold", yard.Threshold, (*Threshold)(nil))
	check("calibration", yard.Calibration, absolute(t, "testdata/yard.json"))
	check("top-level model", gate.Model, absolute(t, "testdata/top.safetensors"))
	check("own model", yard.Model, absolute(t, "testdata/own.safetensors"))
	check("source file", yard.Source.Reveal(), absolute(t, "testdata/clips/a.mkv"))
	check("trust in a file", gate.TrustFile(), absolute(t, "testdata/cameras.pem"))
	check("trust without one", yard.Trust+yard.TrustFile(), "system")
	check("hosts to follow", gate.Follow, []string{"media.example", "[fd00::7]:8080"})
	check("explicit false", yard.Realtime, false)
	check("time zone", yard.TimeZone.String(), "Europe/Berlin")
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// TestNoSharing: a change of one camera's lists does not affect another's, though both inherit them from the defaults.
func TestNoSharing(t *testing.T) {
	c, err := Load(writeFile(t, `
defaults: {threshold: {lo: 1, theta: 2}, mask: [[[0, 0], [1, 0], [1, 1]]], zones: [{name: z, polygon: [[0, 0], [1, 0], [1, 1]]}]}
cameras: [{name: a, source: "device:0"}, {name: b, source: "device:1"}]
`))
	if err != nil {
		t.Fatal(err)
	}
	a, b := c.Cameras[0], c.Cameras[1]
	a.Threshold.Theta, a.Mask[0][0].X, a.Zones[0].Polygon[0].X = 9, 9, 9
	if b.Threshold.Theta == 9 || b.Mask[0][0].X == 9 || b.Zones[0].Polygon[0].X == 9 ||
		c.Defaults.Threshold.Theta == 9 {
		t.Errorf("cameras share what they have from the defaults: %+v", b)
	}
}

func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add(Example)
	f.Fuzz(func(t *testing.T, text []byte) {
		c, problems := load(text, "/somewhere")
		if len(problems) > 0 {
			_ = (&Errors{Problems: problems}).Error()
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("loaded, but not valid: %v", err)
		}
		printed, err := c.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(printed), redacted) {
			return // a secret cannot be read back.
		}
		again, problems := load(printed, "/somewhere")
		if len(problems) > 0 {
			t.Fatalf("printed:\n%s\n%v", printed, &Errors{Problems: problems})
		}
		if second, err := again.YAML(); err != nil || string(second) != string(printed) {
			t.Errorf("printed\n%s\nand again\n%s", printed, second)
		}
	})
}
