package damage

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// kind is a kind of damage to a store.
type kind struct {
	name string
	do   func(s *damager)
	// whole means that no message may be lost; blind that the record of a loss is damaged as well, so that the report
	// may be incomplete.
	whole, blind bool
	// unread permits that damage to evidence is found only on reading, if nothing else reads it.
	unread bool
	// refuse is the error with which the start may fail; empty if it must succeed.
	refuse string
}

// damager damages one store.
type damager struct {
	b   *base
	dir string
	err error
}

func (s *damager) keep(err error) { s.err = errors.Join(s.err, err) }

// Names of the streams.
const (
	theAlerts    = "VIGIL_ALERTS"
	thePositions = "KV_VIGIL_OUTBOX"
	theEvidence  = "OBJ_VIGIL_EVIDENCE"
	theLedger    = "ledger"
	allStreams   = ""
)

// at returns the path of a file of a stream, of any account; "blk" is its largest block.
func (s *damager) at(stream, name string) string {
	if stream == theLedger {
		return filepath.Join(s.dir, theLedger)
	}
	pattern := filepath.Join(s.dir, "jetstream", "*", "streams", stream)
	if stream == allStreams {
		pattern = filepath.Join(s.dir, "jetstream", "*", "streams")
	}
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		s.keep(fmt.Errorf("%s is there %d times: %w", pattern, len(found), err))
		return filepath.Join(s.dir, "none")
	}
	if name != "blk" {
		return filepath.Join(found[0], name)
	}
	blocks, err := filepath.Glob(filepath.Join(found[0], "msgs", "*.blk"))
	s.keep(err)
	largest, size := filepath.Join(found[0], "none"), int64(-1)
	for _, path := range blocks {
		if info, err := os.Stat(path); err == nil && info.Size() > size {
			largest, size = path, info.Size()
		}
	}
	return largest
}

func (s *damager) change(path string, do func([]byte) []byte) {
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, do(data), 0o600)
	}
	s.keep(err)
}

func (s *damager) flip(path string, part float64) {
	s.change(path, func(b []byte) []byte {
		if len(b) > 0 {
			b[int(float64(len(b)-1)*part)] ^= 0x55
		}
		return b
	})
}

func (s *damager) zero(path string, part float64, n int) {
	s.change(path, func(b []byte) []byte {
		from := int(float64(len(b)) * part)
		clear(b[from:min(len(b), from+n)])
		return b
	})
}

func (s *damager) cut(path string, part float64) {
	s.change(path, func(b []byte) []byte { return b[:int(float64(len(b))*part)] })
}

func (s *damager) garbage(path string) {
	s.change(path, func(b []byte) []byte {
		r := rand.New(rand.NewPCG(1, uint64(len(b))))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	})
}

// remove deletes an existing file.
func (s *damager) remove(path string) {
	_, err := os.Lstat(path)
	s.keep(errors.Join(err, os.RemoveAll(path)))
}

func (s *damager) folder(path string) {
	s.keep(errors.Join(os.RemoveAll(path), os.MkdirAll(filepath.Join(path, "x"), 0o700)))
}

// file replaces a folder by a file.
func (s *damager) file(path string) {
	s.keep(errors.Join(os.RemoveAll(path), os.WriteFile(path, []byte("x"), 0o600)))
}

// replace replaces a file by that of another store.
func (s *damager) replace(path, from string) {
	rel, err := filepath.Rel(s.dir, path)
	s.keep(errors.Join(err, os.RemoveAll(path)))
	source := filepath.Join(from, rel)
	info, err := os.Stat(source)
	switch {
	case err != nil:
		s.keep(err)
	case info.IsDir():
		s.keep(os.CopyFS(path, os.DirFS(source)))
	default:
		data, err := os.ReadFile(source)
		s.keep(errors.Join(err, os.WriteFile(path, data, 0o600)))
	}
}

// fileKinds returns the kinds of damage to one file.
func fileKinds(stream, file string) map[string]func(*damager) {
	at := func(do func(*damager, string)) func(*damager) {
		return func(s *damager) { do(s, s.at(stream, file)) }
	}
	return map[string]func(*damager){
		"gone":     at((*damager).remove),
		"empty":    at(func(s *damager, p string) { s.cut(p, 0) }),
		"flipped":  at(func(s *damager, p string) { s.flip(p, .3) }),
		"cut":      at(func(s *damager, p string) { s.cut(p, .5) }),
		"garbage":  at((*damager).garbage),
		"a folder": at((*damager).folder),
	}
}

// quickKinds are the kinds that are always tested, some of each sort; the others run in the long tests.
var quickKinds = []string{
	"untouched",
	"alerts: block: flip at the start, no index", "alerts: block: flip in the middle",
	"alerts: block: flip in the middle, no index",
	"alerts: block: flip of a length", "alerts: block: cut in half", "alerts: block: cut in half, no index",
	"alerts: block: cut to nothing",
	"alerts: block: zeros in the middle", "alerts: block: zeros in the middle, no index",
	"alerts: block: zeros at the end, no index",
	"alerts: block: gone", "alerts: block: a folder",
	"alerts: msgs/index.db: gone", "alerts: msgs/index.db: garbage",
	"alerts: meta.inf: gone", "alerts: meta.inf: flipped", "alerts: meta.inf: empty", "alerts: meta.sum: gone",
	"alerts: meta.sum: empty",
	"KV_VIGIL_OUTBOX: blk: garbage", "KV_VIGIL_OUTBOX: meta.inf: gone", "KV_VIGIL_OUTBOX: meta.inf: flipped",
	"OBJ_VIGIL_EVIDENCE: blk: flipped", "OBJ_VIGIL_EVIDENCE: blk: cut", "OBJ_VIGIL_EVIDENCE: meta.inf: gone",
	"OBJ_VIGIL_EVIDENCE: meta.inf: flipped",
	"ledger: gone", "ledger: flipped", "ledger: older", "ledger: gone, flip in the middle",
	"alerts: older", "streams: gone", "streams: a folder more",
	"reserve: a folder", "socket: a folder", "lock: a folder",
}

// kinds returns all kinds.
func kinds() []kind {
	all := []kind{{name: "untouched", do: func(*damager) {}, whole: true}}
	block := func(do func(*damager, string)) func(*damager) {
		return func(s *damager) { do(s, s.at(theAlerts, "blk")) }
	}
	for name, do := range map[string]func(*damager){
		"flip at the start":   block(func(s *damager, p string) { s.flip(p, .01) }),
		"flip at a third":     block(func(s *damager, p string) { s.flip(p, .33) }),
		"flip in the middle":  block(func(s *damager, p string) { s.flip(p, .5) }),
		"flip of a length":    block(func(s *damager, p string) { s.change(p, flipLength) }),
		"flip near the end":   block(func(s *damager, p string) { s.flip(p, .98) }),
		"zeros in the middle": block(func(s *damager, p string) { s.zero(p, .5, 4096) }),
		"zeros at the start":  block(func(s *damager, p string) { s.zero(p, 0, 512) }),
		"zeros at the end":    block(func(s *damager, p string) { s.zero(p, .96, 1<<20) }),
		"cut in half":         block(func(s *damager, p string) { s.cut(p, .5) }),
		"cut at the end":      block(func(s *damager, p string) { s.cut(p, .995) }),
		"cut to nothing":      block(func(s *damager, p string) { s.cut(p, 0) }),
		"gone":                block((*damager).remove),
		"garbage":             block((*damager).garbage),
		"a folder":            block((*damager).folder),
	} {
		all = append(all, kind{name: "alerts: block: " + name, do: do},
			kind{name: "alerts: block: " + name + ", no index", do: func(s *damager) {
				do(s)
				s.remove(s.at(theAlerts, "msgs/index.db"))
			}})
	}
	for _, file := range []string{"msgs/index.db", "meta.inf", "meta.sum"} {
		for name, do := range fileKinds(theAlerts, file) {
			all = append(all, kind{name: "alerts: " + file + ": " + name, do: do, whole: true})
		}
	}
	for _, stream := range []string{thePositions, theEvidence} {
		for _, file := range []string{"blk", "meta.inf"} {
			for name, do := range fileKinds(stream, file) {
				all = append(all, kind{name: stream + ": " + file + ": " + name, whole: true, do: func(s *damager) {
					do(s)
					if file == "blk" {
						s.remove(s.at(stream, "msgs/index.db"))
					}
				}})
			}
		}
		all = append(all, kind{
			name: stream + ": gone", whole: true,
			do: func(s *damager) { s.remove(s.at(stream, "")) },
		})
	}
	for name, do := range fileKinds(theLedger, "") {
		all = append(all, kind{name: "ledger: " + name, do: do, whole: true},
			kind{name: "ledger: " + name + ", flip in the middle", blind: true, do: func(s *damager) {
				do(s)
				s.flip(s.at(theAlerts, "blk"), .5)
				s.remove(s.at(theAlerts, "msgs/index.db"))
			}})
	}
	return append(all,
		kind{
			name: "ledger: of another store", do: func(s *damager) { s.replace(s.at(theLedger, ""), s.b.other) },
			blind: true,
		},
		kind{
			name: "ledger: older", do: func(s *damager) { s.replace(s.at(theLedger, ""), s.b.olderCopy) },
			whole: true,
		},
		kind{name: "alerts: older", do: func(s *damager) { s.replace(s.at(theAlerts, ""), s.b.olderCopy) }},
		kind{name: "alerts: gone", do: func(s *damager) { s.remove(s.at(theAlerts, "")) }},
		kind{name: "alerts: a file", do: func(s *damager) { s.file(s.at(theAlerts, "")) }},
		kind{name: "alerts: blocks: a file", do: func(s *damager) { s.file(s.at(theAlerts, "msgs")) }},
		kind{
			name: "positions: blocks: a file", do: func(s *damager) { s.file(s.at(thePositions, "msgs")) },
			whole: true,
		},
		kind{name: "streams: a file", do: func(s *damager) { s.file(s.at(allStreams, "")) }},
		kind{
			name: "streams: a file in the place of all",
			do:   func(s *damager) { s.file(filepath.Join(s.dir, "jetstream")) },
		},
		kind{name: "streams: a file in the place of all, no ledger", blind: true, do: func(s *damager) {
			s.file(filepath.Join(s.dir, "jetstream"))
			s.remove(s.at(theLedger, ""))
		}},
		kind{name: "streams: older", do: func(s *damager) { s.replace(s.at(allStreams, ""), s.b.olderCopy) }},
		kind{name: "streams: gone", do: func(s *damager) { s.remove(s.at(allStreams, "")) }},
		kind{
			name: "streams: a folder more",
			do:   func(s *damager) { s.folder(filepath.Join(s.at(allStreams, ""), "zzz", "msgs")) }, whole: true,
		},
		kind{name: "streams: a file more", do: func(s *damager) {
			s.keep(os.WriteFile(filepath.Join(s.at(allStreams, ""), "zzz"), []byte("x"), 0o600))
		}, whole: true},
		kind{name: "a block more", do: func(s *damager) {
			s.keep(os.WriteFile(filepath.Join(s.at(theAlerts, "msgs"), "77.blk"), bytes.Repeat([]byte("x"), 999),
				0o600))
		}, whole: true},
		kind{
			name: "reserve: a folder", do: func(s *damager) { s.folder(filepath.Join(s.dir, "reserve")) },
			whole: true,
		},
		kind{
			name: "socket: a folder", do: func(s *damager) { s.folder(filepath.Join(s.dir, "vigil.sock")) },
			whole: true,
		},
		kind{
			name: "lock: a folder", do: func(s *damager) { s.folder(filepath.Join(s.dir, "vigil.lock")) }, whole: true,
			refuse: "vigil.lock",
		},
	)
}

// flipLength changes the length of a record in the middle of a block: the server would then read nothing behind it.
func flipLength(b []byte) []byte {
	if at := bytes.Index(b[len(b)/2:], []byte("vigil.alerts.")); at > 22 {
		b[len(b)/2+at-22] ^= 0xff // first byte of the record's header
	}
	return b
}
