package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"vigil/capture"
	"vigil/capture/source"
)

// Recording runs where the camera is read: the worker demuxes the packets and writes Matroska. The parent, which trusts
// neither, only writes the bytes that it receives to files that it names itself.

// segment starts a file.
type segment struct {
	First int64 // arrival of its first picture, see monotonicNanos
}

const (
	// keyFrameTimeout is how long a camera may take to send a key frame; 20 s has been observed.
	keyFrameTimeout = time.Minute
	// signEvery is how often the worker reports that it still waits for one.
	signEvery = time.Second
)

// record opens the source and sends segments until it ends or the parent stops it.
func (c *camera) record(ctx context.Context) (err error) {
	addr, err := source.ParseAddress(string(c.Address))
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-c.finish:
			stop()
		case <-ctx.Done():
		}
	}()
	stream, err := capture.OpenPackets(ctx, addr, capture.Options{
		Transport: c.Transport, Trust: c.Trust, Follow: c.Follow, OpenTimeout: c.OpenTimeout,
		ReadTimeout: c.ReadTimeout, FPSHint: c.FPSHint,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	c.send(encode(nil, kindOpened, appendJSON(stream.Info())), true)
	files := capture.Segmenter{Coding: stream.Coding(), Length: c.Segment, Files: (*recorded)(c)}
	err = c.copyPackets(ctx, stream, &files)
	// Whatever the cause, earlier data is complete.
	return errors.Join(err, files.Close())
}

func (c *camera) copyPackets(ctx context.Context, stream *capture.PacketStream, to *capture.Segmenter) error {
	var p capture.Packet
	began := time.Now()
	sign := began
	for {
		if err := stream.Read(ctx, &p); err != nil {
			return err
		}
		for _, text := range stream.Notes() {
			c.send(encode(nil, kindNote, func(b []byte) []byte { return append(b, text...) }), false)
		}
		if err := to.Write(&p); err != nil {
			return err
		}
		if !to.Waiting() {
			continue
		}
		if time.Since(began) > keyFrameTimeout {
			return fmt.Errorf(
				"%w: no key frame came within %v, and a recording begins with one (the camera's setting is called "+
					"key frame or I-frame interval)",
				capture.ErrLost, keyFrameTimeout)
		}
		if time.Since(sign) >= signEvery {
			sign = time.Now()
			c.send(encode(nil, kindWaiting, nil), false)
		}
	}
}

// recorded sends what a Segmenter writes. Nothing may be dropped, so it blocks while the parent is slow.
type recorded camera

func (r *recorded) send(m []byte) { (*camera)(r).send(m, true) }

func (r *recorded) Begin(first time.Time) (io.WriterAt, error) {
	r.send(encode(nil, kindSegment, appendJSON(segment{First: monotonicNanos() - int64(time.Since(first))})))
	return r, nil
}

func (r *recorded) WriteAt(b []byte, at int64) (int, error) {
	for rest := b; len(rest) > 0; {
		part := rest[:min(len(rest), maxChunk-8)]
		r.send(encode(nil, kindChunk, func(m []byte) []byte {
			return append(binary.LittleEndian.AppendUint64(m, uint64(at)),
				part...) //nolint:gosec // It is not negative.
		}))
		at += int64(len(part))
		rest = rest[len(part):]
	}
	return len(b), nil
}

func (r *recorded) Flushed(s capture.SegmentStats) error {
	r.send(encode(nil, kindFlushed, appendJSON(s)))
	return nil
}

func (r *recorded) End(s capture.SegmentStats) error {
	r.send(encode(nil, kindSegmentEnd, appendJSON(s)))
	return nil
}
