package worker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"
)

// allMessages returns one of each message that the worker sends.
func allMessages() []byte {
	b := encode(nil, kindHello, nil)
	b = encode(b, kindOpened, func(b []byte) []byte { return append(b, `{"Width":320,"Height":240,"FPS":25}`...) })
	p := picture{
		seq: 7, pts: time.Second, arrival: 99, width: 320, height: 240, same: true,
		gray: bytes.Repeat([]byte{3}, 16),
	}
	b = encode(b, kindPicture, p.append)
	jpeg := []byte{0xff, 0xd8, 1, 2, 3, 0xff, 0xd9}
	b = encode(b, kindPreview, func(b []byte) []byte { return appendPreview(b, 7, time.Second, 99, jpeg) })
	b = encode(b, kindStill, func(b []byte) []byte { return appendStill(b, 1, 7, jpeg) })
	return encode(b, kindEnd, appendJSON(end{Kind: "lost", Text: "gone"}))
}

// decodeAll decodes every message of a stream as the parent does, and returns the kinds.
func decodeAll(r io.Reader) (decoded []kind, err error) {
	var d decoder
	for {
		k, body, err := d.next(r)
		if err != nil {
			return decoded, err
		}
		switch k {
		case kindPicture:
			_, err = readPicture(body, 4)
		case kindPreview:
			_, _, _, _, err = readPreview(body)
		case kindStill:
			_, _, _, err = readStill(body)
		case kindStillRequest:
			_, _, err = readStillRequest(body)
		case kindEnd:
			var e end
			err = readJSON(body, &e)
		case kindStart:
			var s start
			err = readJSON(body, &s)
		}
		if err != nil {
			return decoded, err
		}
		decoded = append(decoded, k)
	}
}

func TestWire(t *testing.T) {
	whole := allMessages()
	for name, r := range map[string]io.Reader{
		"at once": bytes.NewReader(whole), "byte by byte": iotest.OneByteReader(bytes.NewReader(whole)),
		"in halves":    iotest.HalfReader(bytes.NewReader(whole)),
		"with the end": iotest.DataErrReader(bytes.NewReader(whole)),
	} {
		t.Run(name, func(t *testing.T) {
			decoded, err := decodeAll(r)
			want := []kind{kindHello, kindOpened, kindPicture, kindPreview, kindStill, kindEnd}
			if !errors.Is(err, io.EOF) || !bytes.Equal(kindBytes(decoded), kindBytes(want)) {
				t.Errorf("decoded %v, then %v", decoded, err)
			}
		})
	}
	// Every changed or missing byte must be detected.
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x10
		if decoded, err := decodeAll(bytes.NewReader(damaged)); errors.Is(err, io.EOF) && len(decoded) == 6 {
			t.Fatalf("byte %d was changed, and that was not detected", i)
		}
		// The stream may end between two messages, but not within one.
		decoded, err := decodeAll(bytes.NewReader(whole[:i]))
		if between := i == length(whole, len(decoded)); err == nil || errors.Is(err, io.ErrUnexpectedEOF) == between ||
			errors.Is(err, io.EOF) != between {
			t.Fatalf("after %d bytes, %d messages: %v", i, len(decoded), err)
		}
	}
}

// length returns the length of the first n messages in bytes.
func length(stream []byte, n int) int {
	at := 0
	for range n {
		at += headSize + int(binary.LittleEndian.Uint32(stream[at:]))
	}
	return at
}

func kindBytes(ks []kind) []byte {
	var b []byte
	for _, k := range ks {
		b = append(b, byte(k))
	}
	return b
}

// TestDecoderMemory checks that a message that claims to be large allocates no memory before its bytes arrive, and
// large buffers are released.
func TestDecoderMemory(t *testing.T) {
	large := encode(nil, kindStill, func(b []byte) []byte {
		jpeg := append([]byte{0xff, 0xd8}, make([]byte, 8<<20)...)
		return appendStill(b, 1, 1, append(jpeg, 0xff, 0xd9))
	})
	var d decoder
	r := io.MultiReader(bytes.NewReader(large), bytes.NewReader(allMessages()))
	if k, _, err := d.next(r); err != nil || k != kindStill {
		t.Fatalf("kind %d, %v", k, err)
	}
	if _, _, err := d.next(r); err != nil {
		t.Fatal(err)
	}
	if len(d.buf) > keepBuffer {
		t.Errorf("the buffer keeps %d bytes", len(d.buf))
	}
}

func FuzzWire(f *testing.F) {
	whole := allMessages()
	f.Add(whole, 1)
	f.Add(whole[:40], 7)
	f.Add(encode(nil, kindStart, appendJSON(start{Side: 4, Address: []byte("rtsp://u:p@h/")})), 100)
	f.Add(encode(nil, kindStillRequest, func(b []byte) []byte { return appendStill(b, 1, 2, nil) }), 3)
	f.Add([]byte{0xff, 0xff, 0xff, 0x7f, version, byte(kindPicture), 'v', 'g', 0, 0, 0, 0}, 1)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		one, err := decodeAll(bytes.NewReader(data))
		if err == nil {
			t.Fatal("a stream without an end")
		}
		// The split of the bytes into reads makes no difference.
		two, err2 := decodeAll(&pieces{data, piece%64 + 1})
		if !bytes.Equal(kindBytes(one), kindBytes(two)) || err.Error() != err2.Error() {
			t.Errorf("at once: %v, %v; in pieces: %v, %v", one, err, two, err2)
		}
	})
}

type pieces struct {
	rest []byte
	most int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), max(1, p.most))], p.rest)
	p.rest = p.rest[n:]
	return n, nil
}
