package evidence

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// box builds an MP4 box.
func box(kind string, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	return append(binary.BigEndian.AppendUint32(nil, uint32(8+len(all))), append([]byte(kind), all...)...)
}

// film is a file whose index comes last and points at the first byte of its media data.
func film() []byte {
	head := box("ftyp", []byte("isom"))
	at := uint32(len(head) + 8)
	table := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0, 0, 0, 0, 1}, at)
	long := binary.BigEndian.AppendUint64([]byte{0, 0, 0, 0, 0, 0, 0, 1}, uint64(at))
	return bytes.Join([][]byte{
		head, box("mdat", []byte("PICTURES")),
		box("moov", box("trak", box("mdia", box("minf", box("stbl", box("stco", table), box("co64", long)))))),
	}, nil)
}

func TestFastStartMovesTheIndex(t *testing.T) {
	out, err := FastStart(film())
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != len(film()) || bytes.Index(out, []byte("moov")) > bytes.Index(out, []byte("mdat")) {
		t.Fatalf("%q", out)
	}
	table := out[bytes.Index(out, []byte("stco"))+12:]
	if at := binary.BigEndian.Uint32(table); string(out[at:at+8]) != "PICTURES" {
		t.Errorf("the index points at %q", out[at:])
	}
	long := out[bytes.Index(out, []byte("co64"))+12:]
	if at := binary.BigEndian.Uint64(long); string(out[at:at+8]) != "PICTURES" {
		t.Errorf("the long index points at %q", out[at:])
	}
	again, err := FastStart(out)
	if err != nil || !bytes.Equal(again, out) {
		t.Errorf("a second time changes it, %v", err)
	}
}

func FuzzFastStart(f *testing.F) {
	f.Add(film())
	f.Add(box("mdat"))
	f.Add([]byte{0, 0, 0, 1, 'm', 'd', 'a', 't', 0, 0, 0, 0, 0, 0, 0, 16})
	f.Fuzz(func(t *testing.T, file []byte) {
		out, err := FastStart(file)
		if err == nil && len(out) != len(file) {
			t.Errorf("%d bytes became %d", len(file), len(out))
		}
	})
}
