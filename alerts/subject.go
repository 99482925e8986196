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

// Subject is where the alerts of a camera in a phase are published: vigil.alerts.<camera>.<phase>.
func Subject(camera string, phase Phase) string {
	return "vigil.alerts." + camera + "." + string(phase)
}

// CameraSubject covers all alerts of one camera.
func CameraSubject(camera string) string { return "vigil.alerts." + camera + ".*" }

// ScoreSubject is where a camera's scores are published.
func ScoreSubject(camera string) string { return "vigil.scores." + camera }

// StatusSubject is where a camera's state is published.
func StatusSubject(camera string) string { return "vigil.status." + camera }

// MessageID is <alert ULID>:<seq>, the id of the envelope and of the broker's message.
func MessageID(alertID string, seq int) string { return alertID + ":" + strconv.Itoa(seq) }

// ValidCamera says what is wrong with a camera's name. Names become parts of subjects, topics and file names, where
// a dot, a slash or a space would mean something else.
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

// CameraName makes a valid camera name from any file name, path or device. Different files may get one name.
func CameraName(fileName string) string {
	base := filepath.Base(fileName)
	if stem := strings.TrimSuffix(base, filepath.Ext(base)); stem != "" && looksLikeExtension(filepath.Ext(base)) {
		base = stem
	}
	if name := slugify(base); name != "" {
		return name
	}
	// Nothing usable is left, as of a name in another script: a hash keeps such names apart.
	h := fnv.New32a()
	h.Write([]byte(fileName))
	return fmt.Sprintf("camera-%08x", h.Sum32())
}

// slugify turns every run of other characters into one dash.
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

// looksLikeExtension keeps the last part of 10.0.0.7 or street.2024 from being taken for a file type.
func looksLikeExtension(ext string) bool {
	return len(ext) >= 2 && len(ext) <= 5 && strings.ContainsFunc(ext[1:],
		func(r rune) bool { return r < '0' || r > '9' })
}
