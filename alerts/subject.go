package alerts

import (
	"fmt"
	"hash/fnv"
	"path/filepath"
	"strconv"
	"strings"
)

// Subjects that cover every camera.
const (
	AllAlerts = "vigil.alerts.>"
	AllScores = "vigil.scores.>"
	AllStatus = "vigil.status.>"
)

// Subject returns the subject of a camera's alerts in a phase: vigil.alerts.<camera>.<phase>.
func Subject(camera string, phase Phase) string {
	return "vigil.alerts." + camera + "." + string(phase)
}

// CameraSubject returns the subject that matches all alerts of one camera.
func CameraSubject(camera string) string { return "vigil.alerts." + camera + ".*" }

// ScoreSubject returns the subject of a camera's scores.
func ScoreSubject(camera string) string { return "vigil.scores." + camera }

// StatusSubject returns the subject of a camera's states.
func StatusSubject(camera string) string { return "vigil.status." + camera }

// MessageID returns <alert ULID>:<seq>, the id of the envelope and of the broker's message.
func MessageID(alertID string, seq int) string { return alertID + ":" + strconv.Itoa(seq) }

// ValidCamera returns an error for an invalid camera name. Names become parts of subjects, topics and file names, where
// a dot, a slash or a space has another meaning.
func ValidCamera(name string) error {
	if name == "" {
		return fmt.Errorf("camera name is empty: use a-z, 0-9, _ and -")
	}
	if !strings.ContainsFunc(name, func(r rune) bool { return !cameraRune(r) }) {
		return nil
	}
	example := slugify(name)
	if example == "" {
		example = "front-door"
	}
	return fmt.Errorf("camera name %q: use a-z, 0-9, _ and - only, for example %q", name, example)
}

// CameraName makes a valid camera name from any file name, path or device. Different files may get the same name.
func CameraName(fileName string) string {
	base := filepath.Base(fileName)
	if stem := strings.TrimSuffix(base, filepath.Ext(base)); stem != "" && looksLikeExtension(filepath.Ext(base)) {
		base = stem
	}
	if name := slugify(base); name != "" {
		return name
	}
	// No usable character is left, for example of a name in another script: a hash distinguishes such names.
	h := fnv.New32a()
	h.Write([]byte(fileName))
	return fmt.Sprintf("camera-%08x", h.Sum32())
}

// slugify replaces every run of other characters by one dash.
func slugify(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if !cameraRune(r) {
			r = '-'
		}
		if r == '-' && strings.HasSuffix(b.String(), "-") {
			continue
		}
		b.WriteRune(r)
	}
	return strings.Trim(b.String(), "-")
}

func cameraRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-'
}

// looksLikeExtension prevents the last part of 10.0.0.7 or street.2024 from being treated as a file type.
func looksLikeExtension(ext string) bool {
	return len(ext) >= 2 && len(ext) <= 5 && strings.ContainsFunc(ext[1:],
		func(r rune) bool { return r < '0' || r > '9' })
}
