package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"vigil/capture"
	"vigil/capture/source"
	"vigil/preprocess"
	"vigil/video"
)

const (
	// queueLength is how many messages may wait for the parent: some seconds of a camera. More are dropped, and the
	// parent sees a gap in the sequence numbers: a camera does not wait.
	queueLength = 64
	// shutdownTimeout is how long the worker may take to close the camera's session once its parent is gone.
	shutdownTimeout = 2 * time.Second
)

// Main is the worker process: it serves its parent on stdin and stdout. It returns the exit code.
func Main() int {
	out, err := takeStdout()
	if err != nil {
		return 1
	}
	// A crash in C code must not write the password to a core file.
	harden()
	debug.SetTraceback("single")
	// One thread for Go is enough beside the decoder's. With idle ones the runtime's monitor checks some fifty times
	// for each picture whether the decoder, which waits for the camera in C, blocks any of them.
	runtime.GOMAXPROCS(1)
	return serve(os.Stdin, out, func() { os.Exit(0) })
}

// serve reads its configuration and requests from in and writes messages to out, until in ends or the camera does. It
// returns the exit code. exit ends the process at once; it is called if closing takes too long.
func serve(in io.Reader, out io.Writer, exit func()) int {
	if _, err := out.Write(encode(nil, kindHello, nil)); err != nil {
		return 1
	}
	var d decoder
	var s start
	k, body, err := d.next(in)
	if err == nil && k != kindStart {
		err = fmt.Errorf("%w: the first message is of kind %d", ErrProtocol, k)
	}
	if err == nil {
		err = readJSON(body, &s)
	}
	if err == nil {
		err = s.check()
	}
	if err != nil {
		_, _ = out.Write(encode(nil, kindEnd, appendJSON(newEnd(err))))
		return 1
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	c := &camera{
		start: s, finish: make(chan struct{}), queue: make(chan []byte, queueLength),
		spare: make(chan []byte, queueLength), stills: video.Ring{Keep: s.Keep, Bytes: s.KeepBytes},
	}
	go func() {
		c.listen(in, &d)
		stop()
		time.AfterFunc(shutdownTimeout, exit)
	}()
	var writing sync.WaitGroup
	writing.Go(func() {
		for m := range c.queue {
			if _, err := out.Write(m); err != nil {
				exit()
				return
			}
			c.recycle(m)
		}
	})
	if s.Record {
		err = c.record(ctx)
	} else {
		err = c.serveFrames(ctx)
	}
	if ctx.Err() != nil {
		return 0 // The parent is gone.
	}
	last := newEnd(err)
	last.DamagedFrames, last.DamagedPackets = c.errors.Frames, c.errors.Packets
	c.send(encode(nil, kindEnd, appendJSON(last)), true)
	c.close()
	writing.Wait()
	return 1
}

// camera is the worker's side of one source.
type camera struct {
	start
	stills video.Ring
	errors video.DecodeErrors // of the stream, when it is closed

	mu     sync.Mutex // between send and close
	queue  chan []byte
	closed bool

	paused atomic.Bool   // incoming packets are to be discarded
	finish chan struct{} // closed when a recording is to end
	spare  chan []byte   // buffers of pictures that were sent
}

// recycle keeps a picture's message buffer for the next picture.
func (c *camera) recycle(m []byte) {
	if kind(m[5]) != kindPicture {
		return
	}
	select {
	case c.spare <- m[:0]:
	default:
	}
}

// newBuffer returns a buffer for a picture's message.
func (c *camera) newBuffer(size int) []byte {
	select {
	case b := <-c.spare:
		return b
	default:
		return make([]byte, 0, size)
	}
}

// send queues a message and reports whether it will be sent. With must it waits for room; otherwise a message is
// dropped when the queue is full.
func (c *camera) send(m []byte, must bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	if must {
		c.queue <- m
		return true
	}
	select {
	case c.queue <- m:
		return true
	default:
		return false
	}
}

func (c *camera) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	close(c.queue)
}

// listen handles the parent's requests until there are no more.
func (c *camera) listen(in io.Reader, d *decoder) {
	finished := false
	for {
		k, body, err := d.next(in)
		if err == nil && k == kindFinish && !finished {
			finished = true
			close(c.finish)
			continue
		}
		if err == nil && (k == kindPause || k == kindResume) {
			c.paused.Store(k == kindPause)
			continue
		}
		if err != nil || k != kindStillRequest {
			return
		}
		id, seq, err := readStillRequest(body)
		if err != nil {
			return
		}
		p, ok := c.stills.Near(seq)
		if !ok {
			p = video.Preview{}
		}
		c.send(encode(nil, kindStill, func(b []byte) []byte { return appendStill(b, id, p.Seq, p.JPEG) }), false)
	}
}

// serveFrames opens the source and sends its pictures until it ends.
func (c *camera) serveFrames(ctx context.Context) (err error) {
	addr, err := source.ParseAddress(string(c.Address))
	if err != nil {
		return err
	}
	stream, err := capture.Open(ctx, addr, capture.Options{
		Reader: c.Reader, Transport: c.Transport, Trust: c.Trust, Follow: c.Follow, OpenTimeout: c.OpenTimeout,
		ReadTimeout: c.ReadTimeout, FirstSeq: c.FirstSeq, Generation: c.Generation,
		FPSHint: c.FPSHint, Waiting: c.waiting,
	})
	if err != nil {
		return err
	}
	defer func() {
		c.note(stream)
		c.errors = stream.DecodeErrors()
		err = errors.Join(err, stream.Close())
	}()
	c.send(encode(nil, kindOpened, appendJSON(stream.Info())), true)
	prep := preprocess.NewPreparer(c.Side, c.Mask)
	defer func() { _ = prep.Close() }()
	snapshotter := capture.NewSnapshotter()
	defer func() { _ = snapshotter.Close() }()
	var f video.Frame
	var width, height int
	whilePaused := c.skipWhilePaused()
	for {
		if err := stream.Skip(ctx, whilePaused); err != nil {
			return err
		}
		if err := stream.Read(ctx, &f); err != nil {
			return err
		}
		if width == 0 {
			width, height = f.Width, f.Height
		}
		if f.Width != width || f.Height != height {
			return fmt.Errorf("%w: the picture was %dx%d and is %dx%d", capture.ErrLost, width, height,
				f.Width, f.Height)
		}
		c.note(stream)
		pic, err := prep.PrepareLuma(&f)
		if err != nil {
			return err
		}
		if err := c.sendPictures(stream, &f, &pic, snapshotter); err != nil {
			return err
		}
	}
}

// skipWhilePaused returns a function that reports whether the next packet is to be discarded. It also tells the parent,
// more often than its read timeout, that the camera sends something.
func (c *camera) skipWhilePaused() func() bool {
	every := min(time.Second, c.ReadTimeout/4)
	var reported time.Time
	return func() bool {
		if !c.paused.Load() {
			return false
		}
		if now := time.Now(); now.Sub(reported) >= every {
			reported = now
			c.send(encode(nil, kindPaused, nil), false)
		}
		return true
	}
}

// waiting tells the parent that the source sends something, but no picture yet.
func (c *camera) waiting(note string) {
	c.send(encode(nil, kindWaiting, nil), false)
	c.send(encode(nil, kindNote, func(b []byte) []byte { return append(b, note...) }), false)
}

// note sends the source's notes.
func (c *camera) note(stream *capture.Stream) {
	for _, text := range stream.Notes() {
		c.send(encode(nil, kindNote, func(b []byte) []byte { return append(b, text...) }), false)
	}
}

// sendPictures sends a picture, and its preview if one is due.
func (c *camera) sendPictures(stream *capture.Stream, f *video.Frame, pic *video.Picture,
	snapshotter *capture.Snapshotter,
) error {
	arrival := monotonicNanos() - int64(time.Since(f.Arrival))
	p := picture{
		seq: f.Seq, pts: f.PTS, arrival: arrival, width: uint32(f.Width),
		height: uint32(f.Height), //nolint:gosec // Sizes of pictures.
		same:   f.Same, discontinuity: f.Discontinuity, errors: stream.DecodeErrors(), gray: pic.Gray,
	}
	sent := c.send(encode(c.newBuffer(headSize+pictureHead+len(p.gray)), kindPicture, p.append), false)
	if c.Keep <= 0 || c.KeepBytes <= 0 {
		return nil
	}
	small, full, err := snapshotter.Snapshot(f, stream)
	if err != nil {
		return err
	}
	if full != nil {
		c.stills.Add(video.Preview{Seq: f.Seq, PTS: f.PTS, Arrival: f.Arrival, JPEG: full})
	}
	if small != nil && sent && len(c.queue) < queueLength/2 { // a dropped picture needs no preview
		c.send(encode(nil, kindPreview,
			func(b []byte) []byte { return appendPreview(b, f.Seq, f.PTS, arrival, small) }),
			false)
	}
	return nil
}
