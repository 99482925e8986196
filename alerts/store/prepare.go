package store

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// AlertStream is the stream that the ledger covers.
const AlertStream = "VIGIL_ALERTS"

// Damage describes the damage of a stream.
type Damage struct {
	Stream string
	// Missing are the numbers that must exist and do not. For streams other than that of alerts, which the ledger does
	// not cover fully, they are those of the unreadable regions, and some may have been deleted before.
	Missing Ranges
	// Places lists the damage file by file; empty if a file has disappeared.
	Places []string
	// KeptAside is the folder of the quarantined files; empty if there are none.
	KeptAside string
}

// repairer checks a store and may change it.
type repairer struct {
	dir        string
	known      *State // nil if unknown
	quarantine quarantine
	dryRun     bool // only checks
}

// Prepare checks the streams in a server's directory, which no process has open, before the server reads them. Damaged
// files are quarantined, readable messages are written back, and the result is one Damage for each damaged stream.
// known is the state of the ledger, and may be nil. After an error the server must not be started: it would truncate
// what could not be quarantined.
func Prepare(dir string, known *State, now time.Time) ([]Damage, error) {
	m := &repairer{
		dir: dir, known: known,
		quarantine: quarantine{dir: dir, stamp: now.UTC().Format("20060102T150405Z")},
	}
	if info, err := os.Lstat(LedgerFile(dir)); err == nil && !info.Mode().IsRegular() {
		if err := m.quarantine.move(streamDir{name: ".", path: dir}, LedgerFile(dir)); err != nil {
			return nil, fmt.Errorf("alert store %s: what is at the ledger's path cannot be quarantined: %w", dir,
				err)
		}
	}
	return m.run()
}

// Inspect is Prepare without changes.
func Inspect(dir string, known *State) ([]Damage, error) {
	m := &repairer{dir: dir, known: known, dryRun: true}
	return m.run()
}

func (m *repairer) run() (all []Damage, err error) {
	found, err := streamDirs(m.dir)
	if err != nil {
		return nil, fmt.Errorf("alert store %s: %w", m.dir, err)
	}
	if m.known == nil { // else each known stream checks its own parent folders
		d := Damage{Stream: AlertStream}
		if err := m.clearFolders(streamDir{AlertStream, filepath.Join(m.dir, "jetstream")}, &d); err != nil {
			return nil, fmt.Errorf("alert store %s: %w", m.dir, err)
		}
		if len(d.Places) > 0 {
			d.KeptAside = m.quarantine.of(AlertStream)
			all = append(all, d)
		}
	}
	seen := map[string]bool{}
	for _, f := range found {
		seen[f.name] = true
	}
	if m.known != nil {
		for name, s := range m.known.Streams {
			if !seen[name] && filepath.IsLocal(s.Folder) {
				found = append(found, streamDir{name, filepath.Join(m.dir, s.Folder)})
			}
		}
	}
	for _, f := range found {
		if f.isEncrypted() {
			continue
		}
		d, err := m.checkStream(f)
		if err != nil {
			return all, fmt.Errorf("alert store %s: stream %s is damaged and cannot be quarantined: %w", m.dir,
				f.name, err)
		}
		if len(d.Missing) > 0 || len(d.Places) > 0 {
			d.KeptAside = m.quarantine.of(f.name)
			all = append(all, d)
		}
	}
	return all, nil
}

// checkStream checks one stream.
func (m *repairer) checkStream(f streamDir) (d Damage, err error) {
	d.Stream = f.name
	if err := m.clearFolders(f, &d); err != nil {
		return d, err
	}
	if err := m.repairMeta(f, &d); err != nil {
		return d, err
	}
	blocks, err := f.blocks()
	if err != nil {
		return d, err
	}
	if err := m.clearBlockPaths(f, &d); err != nil {
		return d, err
	}
	// With a valid index the server neither reads nor truncates blocks, and evidence is large: each object has a digest
	// of its own.
	if strings.HasPrefix(f.name, "OBJ_") && f.isIndexCurrent(blocks) {
		return d, nil
	}
	present, deleted := Ranges{}, Ranges{}
	last := uint64(0)
	var found []damagedBlock
	for i, n := range blocks {
		data, err := os.ReadFile(f.block(n))
		if err != nil {
			// A file that the disk cannot read is moved as it is, else the server would not start.
			found = append(found, damagedBlock{n: n, unreadable: err})
			continue
		}
		if bytes.HasPrefix(data, []byte(compressedMagic)) {
			return d, nil
		}
		records, bad := parseBlock(data, blockHash(f.name, n))
		for _, r := range records {
			last = max(last, r.seq)
			switch {
			case r.deleted:
				deleted.Add(r.seq, r.seq)
			case !r.erased:
				present.Add(r.seq, r.seq)
			}
		}
		if len(bad) > 0 {
			found = append(found, damagedBlock{
				n: n, size: len(data), records: records, bad: bad,
				end: i == len(blocks)-1,
			})
		}
	}
	present = present.Without(deleted)
	m.findMissing(f, &d, present, last, found)
	if m.dryRun {
		for _, b := range found {
			d.Places = append(d.Places, b.describe()...)
		}
		return d, nil
	}
	return d, m.repair(f, &d, found, blocks, last)
}

// clearFolders quarantines files in place of a folder: of the stream's parents, its own, and that of its blocks.
func (m *repairer) clearFolders(f streamDir, d *Damage) error {
	inner, err := filepath.Rel(m.dir, f.file(messagesDir))
	if err != nil {
		return err
	}
	path := m.dir
	for part := range strings.SplitSeq(inner, string(filepath.Separator)) {
		path = filepath.Join(path, part)
		switch info, err := os.Stat(path); {
		case err != nil:
			return nil //nolint:nilerr // below it there is nothing either
		case info.IsDir():
			continue
		}
		name, err := filepath.Rel(m.dir, path)
		if err != nil {
			return err
		}
		d.Places = append(d.Places, name+" is not a folder")
		if m.dryRun {
			return nil
		}
		return m.quarantine.move(streamDir{f.name, m.dir}, path)
	}
	return nil
}

// clearBlockPaths quarantines everything with the name of a block that is not a file, since it would prevent writing
// the block.
func (m *repairer) clearBlockPaths(f streamDir, d *Damage) error {
	entries, err := os.ReadDir(f.file(messagesDir))
	if err != nil {
		return nil //nolint:nilerr // there is nothing in the way
	}
	for _, e := range entries {
		if e.Type().IsRegular() || filepath.Ext(e.Name()) != blockSuffix {
			continue
		}
		d.Places = append(d.Places, messagesDir+"/"+e.Name()+" is not a file")
		if m.dryRun {
			continue
		}
		if err := m.quarantine.move(f, f.file(messagesDir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// damagedBlock is a block with damage.
type damagedBlock struct {
	n, size    int
	records    []record
	bad        []badRegion
	end        bool // it is the stream's last
	unreadable error
}

// torn reports whether the only damage is a truncated last write, which was never acknowledged.
func (b damagedBlock) torn() bool {
	return b.unreadable == nil && b.end && len(b.bad) == 1 && b.bad[0].truncated
}

func (b damagedBlock) describe() (places []string) {
	if b.unreadable != nil {
		return []string{fmt.Sprintf("%s/%d%s cannot be read: %v", messagesDir, b.n, blockSuffix, b.unreadable)}
	}
	for _, g := range b.bad {
		places = append(places, fmt.Sprintf("%s/%d%s: %d bytes from %d on", messagesDir, b.n, blockSuffix,
			g.bytes, g.at))
	}
	return places
}

// findMissing determines the missing numbers.
func (m *repairer) findMissing(f streamDir, d *Damage, present Ranges, last uint64, found []damagedBlock) {
	var must Ranges
	if f.name == AlertStream && m.known != nil {
		must = m.known.Expected
	} else if m.known != nil {
		if known := m.known.Streams[f.name].Last; known > last {
			must.Add(last+1, known)
		}
	}
	if f.name != AlertStream || m.known == nil {
		for _, b := range found {
			for _, g := range b.bad {
				if g.before > 0 && g.after > 0 {
					must.Add(g.after+1, g.before-1)
				}
			}
		}
	}
	d.Missing = must.Without(present)
}

// repair quarantines what is damaged and writes back what can be read.
func (m *repairer) repair(f streamDir, d *Damage, found []damagedBlock, blocks []int, last uint64) error {
	known := uint64(0)
	if m.known != nil {
		known = m.known.Streams[f.name].Last
		if f.name == AlertStream {
			known = m.known.Last
		}
	}
	var rewritten []damagedBlock
	for _, b := range found {
		if !b.torn() || len(d.Missing) > 0 { // else the server truncates it, and it was never acknowledged
			d.Places = append(d.Places, b.describe()...)
			rewritten = append(rewritten, b)
		}
	}
	// The server takes the last number from its files: without a block that has it, the next message would reuse the
	// number of a missing one.
	behind := known > last && (f.name == AlertStream || len(blocks) > 0)
	if len(rewritten) == 0 && !behind && len(d.Missing) == 0 {
		return nil
	}
	// The index goes first: if vigil dies in between, a server that finds it next to rewritten blocks would apply it to
	// these.
	if err := m.quarantine.move(f, f.file(messagesDir, indexFile)); err != nil {
		return err
	}
	for _, b := range rewritten {
		if err := m.rewrite(f, b); err != nil {
			return err
		}
	}
	if !behind {
		return nil
	}
	next := 1
	if len(blocks) > 0 {
		next = blocks[len(blocks)-1] + 1
	}
	return writeFile(f.block(next), tombstone(f.name, next, known, time.Now().UnixNano()))
}

// rewrite quarantines a block and replaces it by its readable records.
func (m *repairer) rewrite(f streamDir, b damagedBlock) error {
	path := f.block(b.n)
	if len(b.records) == 0 {
		return m.quarantine.move(f, path)
	}
	if err := m.quarantine.keep(f, path); err != nil {
		return err
	}
	var whole []byte
	for _, r := range b.records {
		whole = append(whole, r.raw...)
	}
	return writeFile(path, whole)
}

// repairMeta ensures that the stream's configuration is valid, without which the server skips the stream.
func (m *repairer) repairMeta(f streamDir, d *Damage) error {
	meta, whole := f.readMeta()
	if whole {
		return nil
	}
	var known []byte
	if m.known != nil {
		known = m.known.Streams[f.name].Meta
	}
	if blocks, err := f.blocks(); len(meta) == 0 && len(known) == 0 && len(blocks) == 0 {
		return err // it is empty, and may not belong to a stream
	}
	d.Places = append(d.Places, metaFile)
	if m.dryRun {
		return nil
	}
	for _, name := range []string{metaFile, metaSumFile} {
		if err := m.quarantine.move(f, f.file(name)); err != nil {
			return err
		}
	}
	if len(known) == 0 {
		return nil // the server creates it again, around the existing messages
	}
	return f.writeMeta(known)
}

// Describe returns the description of each stream of a server's directory, for the ledger.
func Describe(dir string) (map[string]Stream, error) {
	found, err := streamDirs(dir)
	if err != nil {
		return nil, err
	}
	all := map[string]Stream{}
	for _, f := range found {
		meta, whole := f.readMeta()
		path, err := filepath.Rel(dir, f.path)
		if !whole || err != nil || f.isEncrypted() || len(meta) > math.MaxUint16 {
			continue
		}
		all[f.name] = Stream{Folder: path, Meta: meta}
	}
	return all, nil
}
