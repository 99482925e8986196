// Package worker reads a live camera in a process of its own, so that nothing that a camera sends, and nothing that a C
// library makes of it, reaches this one: a crash, a leak or a hang of the child is an error here.
//
// Start starts the process, which is this same binary with the argument Argument; it must hand over to Main. The pipe
// between the two carries length-prefixed, versioned messages with a check sum (wire.go): for every frame the picture
// that the model sees, five times a second a preview, and pictures of full size on demand. The address, with its
// password, goes in by the pipe. The child ends when its stdin does, so none outlives its parent.
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
	"vigil/video"
)

// Argument is the only argument of the child process.
const Argument = "camera-process"

// Options say what a child does. Side, Address and the timeouts are needed.
type Options struct {
	Address                  source.Address
	Reader                   string        // as in capture.Options
	Transport                string        // as in capture.Options
	Trust                    source.Trust  // likewise
	Follow                   []string      // likewise
	OpenTimeout, ReadTimeout time.Duration // likewise
	Side                     int           // S: pictures of S x S pixels
	Mask                     []geometry.Polygon
	FirstSeq                 uint64  // of the first frame
	Opening                  int     // of every frame
	FPSHint                  float64 // as in capture.Options
	// Memory is how many bytes the process may take, resident; 0 for any number.
	Memory int64
	// Keep and KeepBytes bound the pictures of full size that the child keeps; with 0 it makes no pictures for people.
	Keep      time.Duration
	KeepBytes int
	// OnPreview is called in Next's goroutine with each preview.
	OnPreview func(video.Preview)
	// OnStall is called in Next's goroutine when half of the read timeout has passed without a picture.
	OnStall func(time.Duration)
	// Note is called in Next's goroutine with what the source has to say beside its pictures; see capture.Stream.Notes.
	Note func(string)
	// Command replaces this binary with Argument, for tests.
	Command []string
}

// Errors that callers tell apart; a child's own word unwraps to capture.ErrLost and capture.ErrRefused as well.
var (
	// ErrStalled means that the child, or the camera behind it, gave no picture in time.
	ErrStalled = errors.New("no picture came in time")
	// ErrMemory means that the child took more memory than it may.
	ErrMemory = errors.New("the camera's process takes too much memory")
	// ErrDied means that the child ended without a word.
	ErrDied = errors.New("the camera's process died")
)

const (
	// tick is how often a wait looks around.
	tick = 200 * time.Millisecond
	// replyMargin is for how much longer than a timeout the parent waits, so that the child can say itself what happened.
	replyMargin = 3 * time.Second
	// maxCrash is how much of a crash's own words is passed on.
	maxCrash = 120
	// closeTimeout is how long a child may take to end when it is told to, and killTimeout how long after it was killed:
	// to give its memory back it needs a processor, and it is less urgent than much else.
	closeTimeout = shutdownTimeout + 500*time.Millisecond
	killTimeout  = 5 * time.Second
)

// Process is a child that reads a camera. One goroutine calls Next and Close; any may call Still, Pause and CPU.
type Process struct {
	o      Options
	cmd    *exec.Cmd
	in     *os.File // the child's stdin
	out    *os.File // the child's stdout
	stderr limitedBuffer
	done   chan struct{} // closed when the child has ended
	status error         // how; to be read after done

	dec         decoder
	info        video.Info
	seq         uint64 // of the next frame at the earliest
	arrival     time.Time
	idle        idle
	quiet       bool // Quiet was called since the last picture
	broken      bool // it does not do what it should, and need not be asked to go
	memoryCheck time.Time
	notes       int // that came
	waits       int // for the first key frame
	paused      atomic.Bool

	questions pending
}

// starting holds a token for each process that has been started and has not said hello yet. What it does until then,
// loading its libraries, needs a processor for half a second and no camera: a hundred at a time would keep each other
// from it until their cameras count as silent.
var starting = make(chan struct{}, 2*runtime.GOMAXPROCS(0))

// Start starts a child and waits until its camera is open. The caller must Close it.
func Start(ctx context.Context, o Options) (*Process, error) {
	s := start{
		Address: []byte(o.Address.Reveal()), Reader: o.Reader, Transport: o.Transport, Trust: o.Trust, Follow: o.Follow,
		OpenTimeout: o.OpenTimeout, ReadTimeout: o.ReadTimeout,
		Side: o.Side, Mask: o.Mask, FirstSeq: o.FirstSeq, Opening: o.Opening, KnownFPS: o.FPSHint,
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

// launch starts the process. Its environment is empty: nothing in ours is its business, and FFmpeg takes options from
// there. One that yields is less urgent than this process.
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
	childIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = childIn.Close() }()
	out, childOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, in.Close())
	}
	defer func() { _ = childOut.Close() }()
	growPipe(out)
	p.in, p.out = in, out
	p.cmd = exec.Command(command[0], command[1:]...) //nolint:noctx,gosec // Close ends it; the command is this binary.
	p.cmd.Args[0] = "vigil"
	p.cmd.Env = []string{}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = childIn, childOut, &p.stderr
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

// open hands the orders over and waits until the camera is open. It calls started once the process is up.
func (p *Process) open(ctx context.Context, s *start, started func()) error {
	// Opening, and where that fails asking for the reason, may take the timeout once each.
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

// Info says what the child knew when the source was opened.
func (p *Process) Info() video.Info { return p.info }

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// CPU is the processor time that the process has taken so far; 0 where the system does not say.
func (p *Process) CPU() time.Duration { return processorTime(p.PID()) }

// Pause makes the child pass over what the camera sends, undecoded, or go on with a key frame. While it is paused Next
// waits, for as long as the camera sends something.
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

// Close ends the child: it is told to, so that it can take leave of the camera, and killed where it does not go. It
// does not wait for ever.
func (p *Process) Close() error {
	p.questions.close()
	_ = p.in.Close() // its end is the word to go
	defer func() { _ = p.out.Close() }()
	if !p.broken && p.ended(closeTimeout) {
		return nil
	}
	_ = p.cmd.Process.Kill() // it may have ended meanwhile
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

// exitError says how the child ended, after its stdout did.
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
	if text := plain(p.o.Address.Scrub(p.stderr.String()), maxCrash); text != "" {
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

// pending are those that the child has not answered yet.
type pending struct {
	mu     sync.Mutex
	last   uint64
	open   map[uint64]chan []byte
	closed bool
}
