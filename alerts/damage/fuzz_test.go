package damage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// mostSteps bounds the number of damaging steps.
const mostSteps = 4

// FuzzStore damages the files of a store's directory according to its input, five bytes a step: file, kind, position
// (two bytes) and size. Some seeds run as a test, and all with VIGIL_LONG=1; for more of them: go test -run '^$' -fuzz
// FuzzStore ./alerts/damage.
func FuzzStore(f *testing.F) {
	b := newBase(f)
	files := b.files(f)
	for i := range files {
		if i%4 > 0 && !long() {
			continue
		}
		f.Add([]byte{byte(i), byte(i), byte(37 * i), byte(91 * i), byte(i)})
		if long() && i%3 > 0 || !long() && i%8 > 0 {
			continue
		}
		f.Add([]byte{byte(i), byte(i + 3), 0x80, 0, 200, byte(i + 5), byte(i + 1), 0xc0, 7, 9})
	}
	f.Fuzz(func(t *testing.T, steps []byte) {
		s := &damager{b: b, dir: filepath.Join(t.TempDir(), "store")}
		clone(t, b.dir, s.dir)
		blind := false
		for n := 0; n < mostSteps && len(steps) >= 5; n++ {
			file := files[int(steps[0])%len(files)]
			blind = blind || file == theLedger
			t.Logf("%s: %d at %d, %d", file, steps[1]%8, int(steps[2])<<8|int(steps[3]), steps[4])
			s.step(filepath.Join(s.dir, file), steps[1], int(steps[2])<<8|int(steps[3]), int(steps[4]))
			steps = steps[5:]
		}
		if s.err != nil {
			t.Fatal(s.err)
		}
		b.examine(t, s.dir, kind{blind: blind, unread: true})
	})
}

// files returns the non-empty files of the base, relative to its directory.
func (b *base) files(t testing.TB) (found []string) {
	t.Helper()
	err := filepath.WalkDir(b.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || e.Name() == "vigil.lock" {
			return err
		}
		rel, err := filepath.Rel(b.dir, path)
		found = append(found, rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// step damages a file. A file removed by an earlier step stays removed.
func (s *damager) step(path string, what byte, where, much int) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	at := func(b []byte) int { return where * len(b) >> 16 }
	switch what % 8 {
	case 0:
		s.change(path, func(b []byte) []byte {
			if len(b) > 0 {
				b[at(b)] ^= byte(much | 1)
			}
			return b
		})
	case 1:
		s.change(path, func(b []byte) []byte {
			clear(b[at(b):min(len(b), at(b)+16*much)])
			return b
		})
	case 2:
		s.change(path, func(b []byte) []byte { return b[:at(b)] })
	case 3:
		s.remove(path)
	case 4:
		s.change(path, func(b []byte) []byte {
			for i := at(b); i < min(len(b), at(b)+much); i++ {
				b[i] = byte(i*much + where)
			}
			return b
		})
	case 5:
		s.change(path, func(b []byte) []byte { return append(b, b[at(b):min(len(b), at(b)+8*much)]...) })
	case 6:
		s.folder(path)
	case 7:
		rel, err := filepath.Rel(s.dir, path)
		s.keep(err)
		if _, err := os.Stat(filepath.Join(s.b.olderCopy, rel)); !errors.Is(err, fs.ErrNotExist) {
			s.replace(path, s.b.olderCopy)
		}
	}
}
