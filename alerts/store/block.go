package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strconv"

	"github.com/minio/highwayhash"
)

// The format of a block of messages, as nats-server 2.10 and later write it (server/filestore.go,
// writeMsgRecordLocked): one record after the other, each
//
//	length uint32 | number uint64 | time int64 | length of the subject uint16 | subject |
//	[length of the headers uint32] | headers | contents | hash 8 bytes
//
// in little endian. The highest bit of the length means that there are headers; those of the number mean that the
// message was erased, or that the record only marks a deleted message. The hash is HighwayHash-64 of all but the
// lengths, with the SHA-256 of the stream's name, a dash and the block's number as its key.
const (
	headerBytes  = 22
	hashBytes    = 8
	minRecord    = headerBytes + hashBytes
	maxRecord    = 32 << 20
	headersBit   = 1 << 31
	erasedBit    = 1 << 63
	tombstoneBit = 1 << 62
	// hashBudget bounds the hashing, in multiples of the size of a block, in the search for the next record after a bad
	// region.
	hashBudget = 64
)

// record is a message of a block, as slices of it.
type record struct {
	seq             uint64
	time            int64
	erased, deleted bool // a deleted one has no contents, and only marks the message with this number as deleted
	subject         string
	headers, data   []byte
	raw             []byte
}

// badRegion is a region of a block that cannot be read.
type badRegion struct {
	at, bytes     int
	after, before uint64 // numbers of the messages before and behind it; 0 for none
	truncated     bool   // the block ends within a record, or in zeros
}

func newHash(name string) hash.Hash64 {
	key := sha256.Sum256([]byte(name))
	h, err := highwayhash.New64(key[:])
	if err != nil {
		panic(err) // the key has the right length
	}
	return h
}

// blockHash returns the hash for the records of a block.
func blockHash(stream string, block int) hash.Hash64 {
	return newHash(stream + "-" + strconv.Itoa(block))
}

// parseRecord reads the record at the beginning of buf; false if there is no valid one.
func parseRecord(buf []byte, h hash.Hash64) (r record, ok bool) {
	if len(buf) < minRecord {
		return r, false
	}
	length := binary.LittleEndian.Uint32(buf)
	headers := length&headersBit != 0
	length &^= headersBit
	subject := int(binary.LittleEndian.Uint16(buf[20:]))
	from := headerBytes + subject
	if headers {
		from += 4
	}
	if length < minRecord || length > maxRecord || int(length) > len(buf) || from > int(length)-hashBytes {
		return r, false
	}
	r.raw = buf[:length]
	body := r.raw[from : len(r.raw)-hashBytes]
	h.Reset()
	_, _ = h.Write(r.raw[4:20]) // a hash never fails
	_, _ = h.Write(r.raw[headerBytes : headerBytes+subject])
	_, _ = h.Write(body)
	if !bytes.Equal(h.Sum(nil), r.raw[len(r.raw)-hashBytes:]) {
		return r, false
	}
	seq := binary.LittleEndian.Uint64(buf[4:])
	r.erased, r.deleted = seq&erasedBit != 0 || seq == 0, seq&tombstoneBit != 0
	r.seq = seq &^ (erasedBit | tombstoneBit)
	r.time = int64(binary.LittleEndian.Uint64(buf[12:]))
	r.subject, r.data = string(r.raw[headerBytes:headerBytes+subject]), body
	if headers {
		n := int(binary.LittleEndian.Uint32(r.raw[headerBytes+subject:]))
		if n < 0 || n > len(body) {
			return r, false
		}
		r.headers, r.data = body[:n], body[n:]
	}
	return r, true
}

// parseBlock returns the valid records of a block, and the regions between them.
func parseBlock(buf []byte, h hash.Hash64) (records []record, bad []badRegion) {
	budget := hashBudget * len(buf)
	last := uint64(0)
	for at := 0; at < len(buf); {
		if r, ok := parseRecord(buf[at:], h); ok {
			records = append(records, r)
			if !r.deleted && r.seq != 0 {
				if n := len(bad); n > 0 && bad[n-1].before == 0 {
					bad[n-1].before = r.seq
				}
				last = r.seq
			}
			at += len(r.raw)
			continue
		}
		next := findNextRecord(buf, at, last, h, &budget)
		bad = append(bad, badRegion{at: at, bytes: next - at, after: last, truncated: next == len(buf) &&
			isTruncated(buf[at:])})
		at = next
	}
	return records, bad
}

// findNextRecord finds the next record after a bad region, or the end of the block.
func findNextRecord(buf []byte, from int, last uint64, h hash.Hash64, budget *int) int {
	// Usually only the contents are damaged, and the length still leads to the next record.
	if from+minRecord <= len(buf) {
		if next := from + int(binary.LittleEndian.Uint32(buf[from:])&^headersBit); next >= from+minRecord &&
			next < len(buf) {
			if _, ok := parseRecord(buf[next:], h); ok {
				return next
			}
		}
	}
	for at := from + 1; at+minRecord <= len(buf) && *budget > 0; at++ {
		length := int(binary.LittleEndian.Uint32(buf[at:]) &^ headersBit)
		subject := int(binary.LittleEndian.Uint16(buf[at+20:]))
		if length < minRecord || length > maxRecord || length > len(buf)-at || subject > length-minRecord ||
			!plausible(buf[at:], subject, last) {
			continue
		}
		*budget -= length
		if _, ok := parseRecord(buf[at:], h); ok {
			return at
		}
	}
	return len(buf)
}

// plausible reports whether a candidate record has a number that may follow the last one, and a valid subject. It
// avoids hashing most false candidates.
func plausible(buf []byte, subject int, last uint64) bool {
	const leap = 1 << 32
	seq := binary.LittleEndian.Uint64(buf[4:])
	if n := seq &^ (erasedBit | tombstoneBit); seq&tombstoneBit == 0 && n != 0 && (n <= last || n-last > leap) {
		return false
	}
	for _, c := range buf[headerBytes : headerBytes+subject] {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// isTruncated reports whether a block's last bytes are those of an interrupted write: less than a complete record, or
// zeros.
func isTruncated(tail []byte) bool {
	if len(bytes.Trim(tail, "\x00")) == 0 || len(tail) < 4 {
		return true
	}
	length := int(binary.LittleEndian.Uint32(tail) &^ headersBit)
	return length >= minRecord && length <= maxRecord && length > len(tail)
}

// tombstone is the record of a deleted message, from which a stream without messages takes its last number.
func tombstone(stream string, block int, seq uint64, time int64) []byte {
	b := make([]byte, headerBytes, minRecord)
	binary.LittleEndian.PutUint32(b, minRecord)
	binary.LittleEndian.PutUint64(b[4:], seq|tombstoneBit)
	binary.LittleEndian.PutUint64(b[12:], uint64(time))
	h := blockHash(stream, block)
	_, _ = h.Write(b[4:20])
	return h.Sum(b)
}
