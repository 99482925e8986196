// Package worker reads a live camera in a process of its own, so that neither the camera's data nor the C libraries
// that decode it can harm this process: a crash, a leak or a hang of the worker is an error here.
//
// Start starts the process, which is this same binary with the argument Argument; main must then call Main. The pipe
// between the two carries length-prefixed, versioned messages with a checksum (wire.go): the model's picture for every
// frame, a preview five times a second, and pictures of full size on demand. The address, with its password, is sent
// over the pipe. The worker exits when its stdin ends, so none outlives its parent.
package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"vigil/capture/source"
	"vigil/geometry"
	"vigil/internal/errcode"
	"vigil/video"
)

// Argument is the only argument of the worker process.
const Argument = "camera-process"

// Options configure a worker. Side, Address and the timeouts are required.
type Options struct {
	Address                  source.Address
	Reader                   string // as in capture.Options
	Transport                string
	Trust                    source.Trust  // as in capture.Options
	Follow                   []string      // as in capture.Options
	OpenTimeout, ReadTimeout time.Duration // as in capture.Options
	Side                     int           // S: pictures are S x S pixels
	Mask                     []geometry.Polygon
	FirstSeq                 uint64  // of the first frame
	Generation               int     // of every frame
	FPSHint                  float64 // as in capture.Options
	// Memory limits the process's resident memory in bytes; 0 for no limit.
	Memory int64
	// Keep and KeepBytes bound the worker's buffer of full-size pictures; with 0 it encodes neither these nor previews.
	Keep      time.Duration
	KeepBytes int
	// OnPreview is called in Next's goroutine with each preview.
	OnPreview func(video.Preview)
	// OnStall is called in Next's goroutine when half of the read timeout has passed without a picture.
	OnStall func(time.Duration)
	// Note is called in Next's goroutine with notes of the source; see capture.Stream.Notes.
	Note func(string)
	// Command replaces this binary with Argument, for tests.
	Command []string
}

// Errors that callers distinguish; errors that the worker reports also unwrap to capture.ErrLost and
// capture.ErrRefused.
var (
	// ErrStalled means that the worker, or the camera behind it, gave no picture in time.
	ErrStalled = errcode.CameraNoPicture.New("no picture came in time")
	// ErrMemory means that the worker exceeded its memory limit.
	ErrMemory = errcode.CameraMemory.New("the camera's process takes too much memory")
	// ErrDied means that the worker exited without a message.
	ErrDied = errcode.CameraProcessDied.New("the camera's process died")
)

const (
	// tick is the interval at which waits check for cancellation and limits.
	tick = 200 * time.Millisecond
	// replyMargin is how much longer than a timeout the parent waits, so that the worker can report the error itself.
	replyMargin = 3 * time.Second
	// maxCrash limits how much of a crash's output is passed on.
	maxCrash = 120
	// closeTimeout is how long a worker may take to exit when asked to, and killTimeout how long after it was killed:
	// freeing its memory needs a processor, and its priority is low.
	closeTimeout = shutdownTimeout + 500*time.Millisecond
	killTimeout  = 5 * time.Second
)

// Process is a worker that reads a camera. One goroutine calls Next and Close; any may call Still, Pause and CPU.
type Process struct {
	o      Options
	cmd    *exec.Cmd
	in     *os.File // the worker's stdin
	out    *os.File // the worker's stdout
	stderr limitedBuffer
	done   chan struct{} // closed when the worker has exited
	status error         // of the exit; valid after done

	dec           decoder
	info          video.Info
	seq           uint64 // lowest sequence number of the next frame
	arrival       time.Time
	idle          idle
	stalled       bool // OnStall was called since the last picture
	broken        bool // the worker misbehaves and is killed without being asked to exit
	memoryCheck   time.Time
	notes         int // received
	keyFrameWaits int // for the first key frame
	errors        video.DecodeErrors
	paused        atomic.Bool

	pending pendingRequests
}

// starting holds a token for each process that has been started and has not sent hello yet. Until then it loads its
// libraries, which takes half a second of a processor: a hundred at a time would delay each other until their cameras
// count as stalled.
var starting = make(chan struct{}, 2*runtime.GOMAXPROCS(0))

// Start starts a worker and waits until its camera is open. The caller must Close it.
func Start(ctx context.Context, o Options) (*Process, error) {
	s := start{
		Address: []byte(o.Address.Reveal()), Reader: o.Reader, Transport: o.Transport, Trust: o.Trust, Follow: o.Follow,
		OpenTimeout: o.OpenTimeout, ReadTimeout: o.ReadTimeout,
		Side: o.Side, Mask: o.Mask, FirstSeq: o.FirstSeq, Generation: o.Generation, FPSHint: o.FPSHint,
		Keep: o.Keep, KeepBytes: o.KeepBytes,
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	p := &Process{o: o, done: make(chan struct{}), seq: o.FirstSeq}
	select {
	case starting <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	started := sync.OnceFunc(func() { <-starting })
	defer started()
	if err := p.launch(true); err != nil {
		return nil, fmt.Errorf("starting the camera's process: %w", err)
	}
	if err := p.open(ctx, &s, started); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// launch starts the process. Its environment is empty: it needs nothing of ours, and FFmpeg takes options from there.
// With yield it runs at a lower priority.
func (p *Process) launch(yield bool) error {
	command := p.o.Command
	if command == nil {
		exe := self
		if exe == "" {
			var err error
			if exe, err = os.Executable(); err != nil {
				return err
			}
		}
		command = []string{exe, Argument}
	}
	workerIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = workerIn.Close() }()
	out, workerOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, in.Close())
	}
	defer func() { _ = workerOut.Close() }()
	growPipe(out)
	p.in, p.out = in, out
	p.cmd = exec.Command(command[0], command[1:]...) //nolint:noctx,gosec // Close ends it; the command is this binary.
	p.cmd.Args[0] = "vigil"
	p.cmd.Env = []string{}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = workerIn, workerOut, &p.stderr
	p.cmd.WaitDelay = time.Second
	prepare(p.cmd)
	started := make(chan error)
	startConfined(yield, func(err error) {
		if err == nil {
			err = p.cmd.Start()
		}
		started <- err
		if err == nil {
			p.status = p.cmd.Wait()
			close(p.done)
		}
	})
	if err := <-started; err != nil {
		return errors.Join(err, in.Close(), out.Close())
	}
	return nil
}

// open sends the configuration and waits until the camera is open. It calls started once the process is up.
func (p *Process) open(ctx context.Context, s *start, started func()) error {
	// Opening and the query for a failure's reason may each take the timeout.
	limit := 2*p.o.OpenTimeout + replyMargin
	if k, _, err := p.receive(ctx, limit); err != nil {
		return err
	} else if k != kindHello {
		return fmt.Errorf("%w: its first message is of kind %d", ErrProtocol, k)
	}
	started()
	p.idle = idle{}
	if err := p.write(encode(nil, kindStart, appendJSON(s))); err != nil {
		return p.exitError()
	}
	k, body, err := p.receive(ctx, limit)
	if err != nil {
		return err
	}
	if k != kindOpened {
		return fmt.Errorf("%w: a message of kind %d before the camera is open", ErrProtocol, k)
	}
	if err := readJSON(body, &p.info); err != nil {
		return err
	}
	i := &p.info
	if i.Width < 1 || i.Height < 1 || !plausibleSize(uint32(i.Width)) || !plausibleSize(uint32(i.Height)) ||
		!(i.FPS >= 0 && i.FPS <= 1000) { //nolint:gosec // Checked.
		return fmt.Errorf("%w: a camera of %dx%d pixels, %g frames a second", ErrProtocol, i.Width, i.Height, i.FPS)
	}
	i.Live = p.o.Address.Live()
	p.idle = idle{}
	return nil
}

// Info returns what was known when the source was opened.
func (p *Process) Info() video.Info { return p.info }

// DecodeErrors counts what the worker could not decode, as far as it has reported that. It belongs to Next's goroutine.
func (p *Process) DecodeErrors() video.DecodeErrors { return p.errors }

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// CPU returns the processor time that the process has used; 0 if unknown.
func (p *Process) CPU() time.Duration { return processorTime(p.PID()) }

// Pause makes the worker discard what the camera sends, undecoded, or resume with a key frame. While paused, Next waits
// as long as the camera sends something.
func (p *Process) Pause(paused bool) error {
	k := kindResume
	if paused {
		k = kindPause
	}
	p.paused.Store(paused)
	if err := p.write(encode(nil, k, nil)); err != nil {
		return ErrDied
	}
	return nil
}

// Close asks the worker to exit, so that it can close the camera's session, and kills it if it does not. The wait is
// bounded.
func (p *Process) Close() error {
	p.pending.close()
	_ = p.in.Close() // the end of stdin asks it to exit
	defer func() { _ = p.out.Close() }()
	if !p.broken && p.ended(closeTimeout) {
		return nil
	}
	_ = p.cmd.Process.Kill() // it may have exited meanwhile
	if p.ended(killTimeout) {
		return nil
	}
	return fmt.Errorf(
		"the camera's process %d has not ended %v after it was killed: the machine is overloaded, or it hangs in the "+
			"system", p.PID(), killTimeout)
}

func (p *Process) ended(within time.Duration) bool {
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-p.done:
		return true
	case <-t.C:
		return false
	}
}

// exitError describes how the worker exited, after its stdout ended.
func (p *Process) exitError() error {
	if !p.ended(time.Second) {
		_ = p.cmd.Process.Kill()
		if !p.ended(killTimeout) {
			return fmt.Errorf("%w: it closed its pipe, and has not ended %v after it was killed", ErrDied, killTimeout)
		}
		return fmt.Errorf("%w: it closed its pipe", ErrDied)
	}
	how := "exit status 0"
	if p.status != nil {
		how = p.status.Error()
	}
	if text := singleLine(p.o.Address.Scrub(p.stderr.String()), maxCrash); text != "" {
		how += ": " + text
	}
	return fmt.Errorf("%w: %s", ErrDied, how)
}

func (p *Process) write(m []byte) error {
	if err := p.in.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	_, err := p.in.Write(m)
	return err
}

// pendingRequests holds the requests that the worker has not answered yet.
type pendingRequests struct {
	mu     sync.Mutex
	last   uint64
	open   map[uint64]chan still
	closed bool
}
