package alerts

import "testing"

func TestCameraName(t *testing.T) {
	for in, want := range map[string]string{
		"/videos/Front Door.mkv":     "front-door",
		"clip.tar.gz":                "clip-tar",
		"folder/":                    "folder",
		"/dev/video0":                "video0",
		"10.0.0.7":                   "10-0-0-7",
		"street.2024":                "street-2024",
		"--a--b--.mp4":               "a-b",
		"A_b-9.TIFF":                 "a_b-9",
		".mkv":                       "mkv",
		"évènement.avi":              "v-nement",
		"rtsp://cam.local/live?ch=1": "live-ch-1",
	} {
		if got := CameraName(in); got != want {
			t.Errorf("CameraName(%q) = %q, want %q", in, got, want)
		}
	}
	if a, b := CameraName("正面.mp4"), CameraName("裏口.mp4"); a == b {
		t.Errorf("two names in another script both became %q", a)
	}
}

func TestValidCamera(t *testing.T) {
	for name, ok := range map[string]bool{
		"front-door_2": true, "0": true, "": false, "a.b": false, "a/b": false, "A": false, "a b": false, "a*": false,
		"a>": false, "é": false,
	} {
		if err := ValidCamera(name); (err == nil) != ok {
			t.Errorf("ValidCamera(%q) = %v", name, err)
		}
	}
}

func FuzzCameraName(f *testing.F) {
	for _, s := range []string{"", ".", "..", "/", "a.b.c", "\x00", "\xff.mkv", "K.mkv"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if err := ValidCamera(CameraName(name)); err != nil {
			t.Error(err)
		}
	})
}

func TestSubjects(t *testing.T) {
	if got, want := sample(PhaseEnd).Subject(), "vigil.alerts.front-door.end"; got != want {
		t.Errorf("subject %q, want %q", got, want)
	}
	if got, want := sample(PhaseEnd).MessageID(), "01JPB5Z7T2W4K8M3N6Q9R1S5VX:2"; got != want {
		t.Errorf("message id %q, want %q", got, want)
	}
}
