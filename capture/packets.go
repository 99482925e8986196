//go:build cgo && gocv_videoio

package capture

// #include "ffmpeg.h"
import "C"

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"vigil/capture/source"
	"vigil/video"
)

// PacketStream reads a camera's packets without decoding them.
type PacketStream struct {
	v      *libav
	addr   source.Address
	coding Coding
	clock  packetClock
	paced  bool // for a camera without timestamps: packets now arrive as they are captured
}

// OpenPackets opens a camera's URL like Open. Sources without packets, such as devices, are an error.
func OpenPackets(ctx context.Context, addr source.Address, o Options) (*PacketStream, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if !addr.IsURL() {
		return nil, fmt.Errorf(
			"opening %v: only a camera with a URL (rtsp, rtsps, http, https) sends coded pictures that can be kept "+
				"as they are", addr)
	}
	src, _, err := openURL(ctx, addr, o)
	if err != nil {
		return nil, fmt.Errorf("opening %v: %w", addr, err)
	}
	s := &PacketStream{v: src.(*libav), addr: addr}
	s.clock.ptsClock = s.v.clock
	var c C.vigil_coding
	C.vigil_coding_of(s.v.s,
		&c) //nolint:gocritic // what cgo makes of a pointer compares it with itself
	s.coding = Coding{Codec: C.GoString(c.codec), Width: int(c.width), Height: int(c.height)} // as coded
	if c.extra_size > 0 {
		s.coding.Extra = C.GoBytes(unsafe.Pointer(c.extra), c.extra_size)
	}
	return s, nil
}

// Coding describes the stream's codec.
func (s *PacketStream) Coding() Coding { return s.coding }

// Info describes the stream.
func (s *PacketStream) Info() video.Info {
	i := s.v.info
	i.Live = true
	return i
}

// Notes is like Stream.Notes.
func (s *PacketStream) Notes() []string { return s.v.take() }

// Read fills p with the next packet, reusing p.Data. It returns ErrLost if no more packets come or if their frame size
// has changed; the camera must then be opened again.
func (s *PacketStream) Read(ctx context.Context, p *Packet) error {
	for {
		before := s.clock.arrived
		if err := s.read(ctx, p); err != nil {
			return err
		}
		// Frames buffered before the first read have no usable arrival time, so drop them if arrival is the only clock.
		if !s.clock.isUntimed() || s.paced || p.Arrival.Sub(before) > waiting {
			s.paced = s.paced || s.clock.isUntimed()
			return nil
		}
	}
}

// waiting is the longest step between two packets that were already buffered.
const waiting = 2 * time.Millisecond

func (s *PacketStream) read(ctx context.Context, p *Packet) error {
	stop := s.v.stopWith(ctx)
	var in C.vigil_packet
	code := C.vigil_read_packet(s.v.s, C.int64_t(s.v.timeout.Microseconds()),
		&in) //nolint:gocritic // what cgo makes of a pointer compares it with itself
	stop()
	if code < 0 {
		return nameError(s.addr, s.v.readError(ctx, code))
	}
	s.v.count++
	if in.width > 0 && in.height > 0 && s.coding.Width > 0 && (int(in.width) != s.coding.Width ||
		int(in.height) != s.coding.Height) {
		return nameError(s.addr, fmt.Errorf("%w: the picture was %dx%d and is %dx%d", ErrLost, s.coding.Width,
			s.coding.Height, in.width, in.height))
	}
	n := int(in.size)
	p.Data = append(slices.Grow(p.Data[:0], n+padding), unsafe.Slice((*byte)(in.data), n)...)
	p.Key, p.Arrival = in.key != 0, time.Now()
	s.clock.set(p, rawTimes{
		pts: time.Duration(in.pts), dts: time.Duration(in.dts), hasPTS: in.has_pts != 0, hasDTS: in.has_dts != 0,
	})
	s.v.add(s.clock.note())
	return nil
}

// Close disconnects from the camera.
func (s *PacketStream) Close() error {
	if s.v == nil {
		return nil
	}
	err := s.v.close()
	s.v = nil
	return err
}
