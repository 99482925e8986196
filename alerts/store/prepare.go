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

// AlertStream is the stream that the ledger is about.
const AlertStream = "VIGIL_ALERTS"

// Damage is what is wrong with a stream.
type Damage struct {
	Stream string
	// Missing are the numbers that must be there and are not. Of other streams than that of alerts, which the ledger
	// does not know in full, they are those of the places that cannot be read, and some may have been deleted before.
	Missing Ranges
	// Places says what is damaged, file by file; empty where a file is gone without a trace.
	Places []string
	// KeptAside is the folder with the damaged files; empty where there are none.
	KeptAside string
}

// repairer is a look at a store that may change it.
type repairer struct {
	dir        string
	known      *State // nil where nothing is known
	quarantine quarantine
	dryRun     bool // only looks
}

// Prepare looks at the streams in a server's directory, which no process has open, before the server reads them. What
// is damaged is set aside, what can be read is written back, and the result is one Damage for each stream with
// something wrong. known is what the ledger says, and may be nil. After an error the server must not be started: it
// would cut off what could not be set aside.
func Prepare(dir string, known *State, now time.Time) ([]Damage, error) {
	m := &repairer{dir: dir, known: known,
		quarantine: quarantine{dir: dir, stamp: now.UTC().Format("20060102T150405Z")}}
	if info, err := os.Lstat(LedgerFile(dir)); err == nil && !info.Mode().IsRegular() {
		if err := m.quarantine.move(streamDir{name: ".", path: dir}, LedgerFile(dir)); err != nil {
			return nil, fmt.Errorf("alert store %s: what lies in the place of the ledger cannot be set aside: %w", dir,
				err)
		}
	}
	return m.run()
}

// Inspect is Prepare, and changes nothing.
func Inspect(dir string, known *State) ([]Damage, error) {
	m := &repairer{dir: dir, known: known, dryRun: true}
	return m.run()
}

func (m *repairer) run() (all []Damage, err error) {
	found, err := streamDirs(m.dir)
	if err != nil {
		return nil, fmt.Errorf("alert store %s: %w", m.dir, err)
	}
	if m.known == nil { // else each stream that is known looks after the folders that it is in
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
			return all, fmt.Errorf("alert store %s: stream %s is damaged and cannot be set aside: %w", m.dir,
				f.name, err)
		}
		if len(d.Missing) > 0 || len(d.Places) > 0 {
			d.KeptAside = m.quarantine.of(f.name)
			all = append(all, d)
		}
	}
	return all, nil
}

// checkStream looks at one stream.
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
	// What a server with a whole index does not read it does not cut either, and evidence is large: each object has a
	// digest of its own.
	if strings.HasPrefix(f.name, "OBJ_") && f.isIndexCurrent(blocks) {
		return d, nil
	}
	present, deleted := Ranges{}, Ranges{}
	last := uint64(0)
	var found []damagedBlock
	for i, n := range blocks {
		data, err := os.ReadFile(f.block(n))
		if err != nil {
			// What the disk does not give any more is put away as it is, else the server would not start with it.
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

// clearFolders sets aside files that lie where a folder must be: those that the stream's is in, its own, and that of
// its blocks.
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

// clearBlockPaths sets aside what is not a file and has the name of a block, in whose place one could not be written.
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

// damagedBlock is one that is not whole.
type damagedBlock struct {
	n, size    int
	records    []record
	bad        []badRegion
	end        bool // it is the stream's last
	unreadable error
}

// torn says whether all that is wrong is that the last write was cut off, which was never acknowledged.
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

// findMissing finds out what is missing.
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

// repair sets aside what is damaged and writes back what can be read.
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
		if !b.torn() || len(d.Missing) > 0 { // else the server cuts it off, and nobody was told that it was stored
			d.Places = append(d.Places, b.describe()...)
			rewritten = append(rewritten, b)
		}
	}
	// The server takes the last number from its files: without a block that says it the next message would have the
	// number of one that is missing.
	behind := known > last && (f.name == AlertStream || len(blocks) > 0)
	if len(rewritten) == 0 && !behind && len(d.Missing) == 0 {
		return nil
	}
	// The index goes first: a server that finds it beside blocks that were rewritten, since vigil died in between,
	// would take these for what they were.
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

// rewrite keeps a block as it is in the folder for damaged files, and leaves in its place what can be read of it.
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

// repairMeta sees to it that the stream's description is whole, without which the server passes the stream over.
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
		return err // it holds nothing, and whether it is a stream's nobody knows
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
		return nil // the server makes it anew, around the messages that are there
	}
	return f.writeMeta(known)
}

// Describe gives what is to be known of each stream of a server's directory, for the ledger.
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
