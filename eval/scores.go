package eval

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vigil/internal/regular"
	"vigil/pipeline/detect"
	"vigil/video"
)

const (
	// replayHeader is that of 'vigil replay --scores'; frame is the clip's start + 8.
	replayHeader = oneMeasureHeader + ",motion,appearance,cause"
	simpleHeader = "frame,score" // a file for each video

	oneMeasureHeader = "video,frame,error,regularity" // of earlier versions
)

// afterCentre is the number of frames of a clip after its start + 8.
const afterCentre = video.CuboidFrames - 1 - video.CuboidFrames/2

// ExternalScores are scores read from files.
type ExternalScores struct {
	// Videos is keyed by the video's name without its extension, or with it if only the extension makes the name
	// unique.
	// The regularity of a clip is NaN where the file has none. Clips while the camera could not be trusted have neither
	// that nor an error.
	Videos map[string][]detect.Clip
	Step   int // distance between the frames that have a score
	// DelayUnknown says that it is not known when the scores were available: files with the header frame,score do not
	// tell.
	DelayUnknown bool
	sourceFile   map[string]string
	fromReplay   map[string]bool // videos with scores written by replay
}

// ReadScores reads scores from a file, or from all files *.csv of a folder: files of 'vigil replay --scores', or with
// the header frame,score and named like their videos. Frames count from 0 and ascend; higher is more anomalous.
func ReadScores(path string) (*ExternalScores, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	paths := []string{path}
	if info.IsDir() {
		paths = nil
		for _, name := range files(path, ".csv") {
			if name != EventsFile { // written by replay next to the scores
				paths = append(paths, filepath.Join(path, name))
			}
		}
		if len(paths) == 0 {
			return nil, fmt.Errorf("%s: has no file *.csv, want scores with the header %s or %s", path, replayHeader,
				simpleHeader)
		}
	}
	g := newExternalScores()
	for _, p := range paths {
		if err := g.readFile(p); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
	}
	return g, g.finish()
}

// ReadScoresFrom is ReadScores for one file that is open already; name is for errors and, with the header frame,score,
// the video's name.
func ReadScoresFrom(r io.Reader, name string) (*ExternalScores, error) {
	g := newExternalScores()
	if err := g.parse(r, name); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return g, g.finish()
}

// finish checks that there are scores, and finds their distance.
func (g *ExternalScores) finish() error {
	for name, clips := range g.Videos {
		for i := 1; i < len(clips); i++ {
			step := int(clips[i].Centre.Frame - clips[i-1].Centre.Frame)
			// A gap in the video makes one step larger; the usual step is the smallest.
			if g.Step == 0 || step < g.Step {
				g.Step = step
			}
		}
		if len(clips) == 0 {
			return fmt.Errorf("%s: no scores for %s", g.sourceFile[name], name)
		}
	}
	return nil
}

func newExternalScores() *ExternalScores {
	return &ExternalScores{
		Videos: map[string][]detect.Clip{}, sourceFile: map[string]string{},
		fromReplay: map[string]bool{},
	}
}

func (g *ExternalScores) readFile(path string) error {
	f, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return g.parse(f, path)
}

func (g *ExternalScores) parse(r io.Reader, path string) error {
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	first, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the file is empty, want the header %s or %s", replayHeader, simpleHeader)
	}
	if err != nil {
		return err
	}
	header := strings.TrimPrefix(strings.Join(first, ","), "\ufeff")
	if header != replayHeader && header != oneMeasureHeader && header != simpleHeader {
		return fmt.Errorf("the header is %q, want %s, %s or %s", header, replayHeader, oneMeasureHeader, simpleHeader)
	}
	simple := header == simpleHeader
	g.DelayUnknown = g.DelayUnknown || simple
	if simple {
		if err := g.claimVideo(stem(filepath.Base(path)), path); err != nil {
			return err
		}
	}
	mine := map[string]string{}   // from the file's name of a video to the name here
	ofStem := map[string]string{} // from a name without extension to the file's name of that video
	var wrong error               // the first score that is not finite
	count, without := 0, 0
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			if wrong != nil {
				return fmt.Errorf("%d of %d scores are not finite, the first in %w", without, count, wrong)
			}
			return nil
		}
		if err != nil {
			return err
		}
		line, _ := rows.FieldPos(0)
		name := stem(filepath.Base(path))
		if !simple {
			video, known := stripTextMark(row[0]), false
			if name, known = mine[video]; !known {
				name = stem(video)
				if other, taken := ofStem[name]; taken {
					// Only the extensions differ.
					if mine[other] != other {
						g.rename(mine[other], other)
						mine[other] = other
					}
					name = video
				} else {
					ofStem[name] = video
				}
				if err := g.claimVideo(name, path); err != nil {
					return fmt.Errorf("line %d: %w", line, err)
				}
				mine[video], g.fromReplay[name] = name, true
			}
			row = row[1:]
		}
		count++
		if header == replayHeader && strings.Join(row[1:], "") == "" {
			row[1] = untrustedScore
		}
		switch err := g.addScore(name, row); {
		case errors.Is(err, errNotFinite):
			if without++; wrong == nil {
				wrong = fmt.Errorf("line %d: %w", line, err)
			}
		case err != nil:
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

const (
	// formulaStarts are the first characters of a text that spreadsheets interpret as a formula.
	formulaStarts = "=+-@\t\r"
	// textMark is put before such a text in a table of scores.
	textMark = "'"
)

// stripTextMark removes a textMark.
func stripTextMark(s string) string {
	if rest, ok := strings.CutPrefix(s, textMark); ok && rest != "" && strings.Contains(formulaStarts, rest[:1]) {
		return rest
	}
	return s
}

// rename changes the name of a video.
func (g *ExternalScores) rename(from, to string) {
	g.sourceFile[to], g.Videos[to], g.fromReplay[to] = g.sourceFile[from], g.Videos[from], g.fromReplay[from]
	delete(g.sourceFile, from)
	delete(g.Videos, from)
	delete(g.fromReplay, from)
}

// claimVideo registers the file as the source of a video's scores.
func (g *ExternalScores) claimVideo(name, path string) error {
	if other, taken := g.sourceFile[name]; taken {
		return fmt.Errorf("scores for %s are also in %s", name, other)
	}
	g.sourceFile[name], g.Videos[name] = path, nil
	return nil
}

// untrustedScore stands for the empty score of a frame at which the camera could not be trusted.
const untrustedScore = "untrusted"

var errNotFinite = errors.New("want a finite number")

// addScore adds a frame's score, [frame, score], which its regularity may follow.
func (g *ExternalScores) addScore(name string, row []string) error {
	frameText, scoreText := row[0], row[1]
	frame, err := strconv.ParseUint(frameText, 10, 32)
	if err != nil {
		return fmt.Errorf("frame is %q, want a whole number from 0", frameText)
	}
	if scoreText == untrustedScore {
		c := detect.Clip{Error: math.NaN(), Regularity: math.NaN(), Untrusted: untrustedScore}
		c.Centre.Frame, c.Last.Frame = frame, frame+afterCentre
		g.Videos[name] = append(g.Videos[name], c)
		return nil
	}
	score, err := strconv.ParseFloat(scoreText, 64)
	if err != nil || math.IsNaN(score) || math.IsInf(score, 0) {
		return fmt.Errorf("the score of frame %d is %q, %w", frame, scoreText, errNotFinite)
	}
	clips := g.Videos[name]
	if n := len(clips); n > 0 && frame <= clips[n-1].Centre.Frame {
		return fmt.Errorf("frame %d after frame %d: the frames of a video must ascend", frame, clips[n-1].Centre.Frame)
	}
	c := detect.Clip{Error: score, Regularity: math.NaN()}
	c.Readings[0] = detect.Reading{Error: score, Raw: score}
	if len(row) > 2 {
		if r, err := strconv.ParseFloat(row[2], 64); err == nil {
			c.Regularity = r
		}
	}
	if len(row) > 4 {
		c.Readings = readingsOf(row[3], row[4], score)
	}
	c.Centre.Frame, c.Last.Frame = frame, frame+afterCentre
	g.Videos[name] = append(clips, c)
	return nil
}

// minFrames is how many frames a video has at least by its scores; 0 without any.
func (g *ExternalScores) minFrames(name string) int {
	clips := g.Videos[name]
	if len(clips) == 0 {
		return 0
	}
	last := clips[len(clips)-1]
	if g.fromReplay[name] {
		return int(last.Last.Frame) + 1
	}
	return int(last.Centre.Frame) + 1
}

// ReadLabels reads the labels of scores whose videos are not available: every NAME.csv of a folder and its subfolders,
// or one file. The labels of day1/cam.mkv are in day1/cam.csv.
func ReadLabels(path string) (*Dataset, error) {
	names := []string{filepath.Base(path)}
	dir := filepath.Dir(path)
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.IsDir() {
		dir, names = path, filesBelow(path, ".csv")
		if len(names) == 0 {
			return nil, fmt.Errorf("%s: has no file *.csv, want labels with the header %s", path, labelsHeader)
		}
	}
	d := &Dataset{Format: "labels", Root: path}
	for _, name := range names {
		v := Video{Name: stem(name), Truth: filepath.Join(dir, name)}
		var err error
		if v.Abnormal, err = readLabels(v.Truth); err != nil {
			return nil, err
		}
		d.Test = append(d.Test, v)
	}
	return d, d.check()
}

// Match joins the scores with the labels. Each video must have both, and no score may be for a frame without a label.
// Scores written by replay must extend to the last clip: if they end before, the labels belong to another video, or the
// replay was interrupted.
func (g *ExternalScores) Match(d *Dataset) ([]Recording, error) {
	var out []Recording
	var lack []string
	for _, v := range d.Test {
		clips, ok := g.Videos[v.Name]
		if !ok {
			lack = append(lack, v.Name)
			continue
		}
		if last := clips[len(clips)-1].Centre.Frame; last >= uint64(len(v.Abnormal)) {
			return nil, fmt.Errorf("%s: video %s has a score for frame %d, but %s has labels for %d frames, 0 to %d",
				g.sourceFile[v.Name], v.Name, last, v.Truth, len(v.Abnormal), len(v.Abnormal)-1)
		}
		if last := int(clips[len(clips)-1].Centre.Frame); g.fromReplay[v.Name] && g.Step > 0 &&
			last+(video.CuboidFrames/2+1)*g.Step < len(v.Abnormal) {
			return nil, fmt.Errorf(
				"%s: the scores of video %s end at frame %d, but %s has labels for %d frames: are these of another "+
					"video, or was the replay broken off?", g.sourceFile[v.Name], v.Name, last, v.Truth,
				len(v.Abnormal))
		}
		// Without a camera name, a given threshold applies to all videos.
		clips = slices.DeleteFunc(slices.Clone(clips), func(c detect.Clip) bool { return c.Untrusted != "" })
		out = append(out, Recording{Name: v.Name, Abnormal: v.Abnormal, Clips: clips, FPS: math.NaN()})
	}
	if lack != nil {
		return nil, fmt.Errorf("%d of %d labelled videos have no scores: %s%s", len(lack), len(d.Test),
			strings.Join(lack, ", "), g.folderHint(lack))
	}
	if len(out) != len(g.Videos) {
		known := map[string]bool{}
		for _, r := range out {
			known[r.Name] = true
		}
		for name, source := range g.sourceFile {
			if !known[name] {
				return nil, fmt.Errorf("%s: scores for %s, which has no labels in %s", source, name, d.Root)
			}
		}
	}
	return out, nil
}

// folderHint suggests scores that labels without scores may be meant for: videos with the same name in folders.
func (g *ExternalScores) folderHint(lack []string) string {
	var have []string
	for _, name := range slices.Sorted(maps.Keys(g.Videos)) {
		if slices.Contains(lack, path.Base(name)) && path.Base(name) != name {
			have = append(have, name)
		}
	}
	if have == nil {
		return ""
	}
	return fmt.Sprintf("; there are scores of %s: put the labels into such folders, as %s.csv",
		strings.Join(have, ", "), have[0])
}

// readingsOf returns the readings of a row's columns motion and appearance; either may be empty.
func readingsOf(motion, appearance string, score float64) (readings [2]detect.Reading) {
	readings[0] = detect.Reading{Error: score, Raw: score}
	n := 0
	for i, text := range []string{motion, appearance} {
		if e, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(e) && !math.IsInf(e, 0) {
			readings[n] = detect.Reading{
				Measure: []detect.Measure{detect.Motion, detect.Appearance}[i], Error: e, Raw: score,
			}
			n++
		}
	}
	return readings
}
