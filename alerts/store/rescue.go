package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rescue restores missing alerts by their numbers and ids from the quarantined files and from those below more folders,
// such as a copy of an older store. No process may have the store open. It returns the restored numbers and removes
// them from the gaps of known; known may be nil, then all numbers between existing ones count as missing.
func Rescue(dir string, known *State, more []string, now time.Time) (Ranges, error) {
	r := &rescue{repairer: repairer{
		dir: dir, known: known,
		quarantine: quarantine{dir: dir, stamp: now.UTC().Format("20060102T150405Z")},
	}}
	return r.run(more)
}

// Rescuable returns the numbers that Rescue would restore.
func Rescuable(dir string, known *State) (Ranges, error) {
	r := &rescue{repairer: repairer{dir: dir, known: known, dryRun: true}}
	return r.run(nil)
}

type rescue struct {
	repairer
	folder  streamDir
	blocks  map[int][]record
	present Ranges
	ids     map[string]bool
	found   map[uint64]record
}

func (r *rescue) run(more []string) (Ranges, error) {
	if err := r.load(); err != nil || r.folder.name == "" {
		return nil, err
	}
	missing := r.missing()
	for _, root := range append([]string{filepath.Join(r.dir, damagedFolder)}, more...) {
		if err := r.search(root, missing); err != nil {
			return nil, fmt.Errorf("rescue alerts from %s: %w", root, err)
		}
	}
	var numbers Ranges
	for n := range r.found {
		numbers.Add(n, n)
	}
	if r.dryRun || len(numbers) == 0 {
		return numbers, nil
	}
	if err := r.insert(); err != nil {
		return nil, fmt.Errorf("alert store %s: %w", r.dir, err)
	}
	if r.known != nil {
		r.known.Holes = r.known.Holes.Without(numbers)
		for _, n := range numbers {
			r.known.Expected.Add(n.First, n.Last)
		}
		return numbers, WriteState(r.dir, r.known)
	}
	return numbers, nil
}

// WriteState writes the ledger of a store that no process has open.
func WriteState(dir string, s *State) error {
	text, err := encodeEntry(entry{Version: ledgerVersion, State: s})
	if err != nil {
		return err
	}
	return writeFile(LedgerFile(dir), text)
}

// load reads the stream's messages.
func (r *rescue) load() error {
	all, err := streamDirs(r.dir)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(f streamDir) bool { return f.name == AlertStream && !f.isEncrypted() })
	if i < 0 {
		return nil
	}
	r.folder, r.blocks, r.ids, r.found = all[i], map[int][]record{}, map[string]bool{}, map[uint64]record{}
	numbers, err := r.folder.blocks()
	if err != nil {
		return err
	}
	var deleted Ranges
	for _, n := range numbers {
		data, err := os.ReadFile(r.folder.block(n))
		if err != nil {
			return err
		}
		records, _ := parseBlock(data, blockHash(AlertStream, n)) // damaged records were quarantined before
		r.blocks[n] = records
		for _, m := range records {
			switch {
			case m.deleted:
				deleted.Add(m.seq, m.seq)
			case !m.erased:
				r.present.Add(m.seq, m.seq)
				r.ids[m.id()] = true
			}
		}
	}
	r.present = r.present.Without(deleted)
	return nil
}

// missing returns the numbers that may be restored.
func (r *rescue) missing() (numbers Ranges) {
	switch {
	case r.known != nil && r.known.Last > 0:
		numbers.Add(max(r.known.First, 1), r.known.Last) // the gaps among them, and later losses
	case len(r.present) > 0:
		numbers.Add(r.present[0].First, r.present[len(r.present)-1].Last)
	}
	return numbers.Without(r.present)
}

// id is the message id; may be empty.
func (r record) id() string {
	const key = "Nats-Msg-Id: "
	_, rest, _ := bytes.Cut(r.headers, []byte(key))
	id, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(id)
}

// search collects missing messages from the blocks of the stream below a folder.
func (r *rescue) search(root string, missing Ranges) error {
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		stem, block := strings.CutSuffix(e.Name(), blockSuffix)
		n, bad := strconv.Atoi(stem)
		if !block || bad != nil || !e.Type().IsRegular() ||
			filepath.Base(filepath.Dir(filepath.Dir(path))) != AlertStream {
			return nil //nolint:nilerr // it is no block
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		records, _ := parseBlock(data, blockHash(AlertStream, n))
		for _, m := range records {
			if id := m.id(); id != "" && !m.deleted && !m.erased && missing.Has(m.seq) && !r.ids[id] {
				r.ids[id] = true
				r.found[m.seq] = m
			}
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) && root == filepath.Join(r.dir, damagedFolder) {
		return nil
	}
	return err
}

// insert rewrites the blocks that found messages belong to: each into the last one that begins below it.
func (r *rescue) insert() error {
	order := make([]int, 0, len(r.blocks))
	for n := range r.blocks {
		order = append(order, n)
	}
	slices.Sort(order)
	if len(order) == 0 {
		order, r.blocks[1] = []int{1}, nil
	}
	if err := r.quarantine.move(r.folder, r.folder.file(messagesDir, indexFile)); err != nil { // first, as in Prepare
		return err
	}
	into := map[int]bool{}
	for seq, m := range r.found {
		to := order[0]
		for _, n := range order {
			if first := firstOf(r.blocks[n]); first > 0 && first < seq {
				to = n
			}
		}
		r.blocks[to] = append(r.blocks[to], m)
		into[to] = true
	}
	for _, n := range order {
		kept := slices.DeleteFunc(slices.Clone(r.blocks[n]), func(m record) bool {
			_, back := r.found[m.seq]
			return m.deleted && back
		})
		if !into[n] && len(kept) == len(r.blocks[n]) {
			continue
		}
		// Records of deletions come after all messages.
		slices.SortStableFunc(kept, func(a, b record) int {
			switch {
			case a.deleted != b.deleted && a.deleted:
				return 1
			case a.deleted != b.deleted:
				return -1
			case a.deleted:
				return 0
			}
			return cmp.Compare(a.seq, b.seq)
		})
		if err := r.rewrite(r.folder, damagedBlock{n: n, records: rehash(kept, n)}); err != nil {
			return err
		}
	}
	return nil
}

// firstOf is the number of a block's first message; 0 if it has none.
func firstOf(records []record) uint64 {
	for _, m := range records {
		if !m.deleted && m.seq > 0 {
			return m.seq
		}
	}
	return 0
}

// rehash computes the hashes of records for a block.
func rehash(records []record, block int) []record {
	h := blockHash(AlertStream, block)
	out := make([]record, len(records))
	for i, m := range records {
		raw := slices.Clone(m.raw)
		h.Reset()
		_, _ = h.Write(raw[4:20])
		_, _ = h.Write([]byte(m.subject))
		_, _ = h.Write(m.headers)
		_, _ = h.Write(m.data)
		copy(raw[len(raw)-hashBytes:], h.Sum(nil))
		m.raw = raw
		out[i] = m
	}
	return out
}
