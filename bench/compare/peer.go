package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// peer is a child process that competes with vigil. It writes a hello line, and then answers each line "task times" on
// its stdin with the duration by its own clock.
type peer struct {
	title string
	hello hello
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Scanner
	errs  tail
	wait  func() error // waits for its end; may be called repeatedly
}

// hello is a peer's first line.
type hello struct {
	Ready   bool     `json:"ready"`
	Version string   `json:"version"`
	Tasks   []string `json:"tasks"`
	Score   float64  `json:"score"` // of the clip; 0 where it computes none
	Note    string   `json:"note"`
}

// command is a peer's command line.
type command struct {
	argv, env []string
	dir       string
}

// startPeer starts a peer and waits until it is ready.
func startPeer(ctx context.Context, title string, c command) (*peer, error) {
	p := &peer{title: title, cmd: exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)}
	p.cmd.Env, p.cmd.Dir, p.cmd.Stderr = append(p.cmd.Environ(), c.env...), c.dir, &p.errs
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewScanner(out)
	p.out.Buffer(nil, 1<<20)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	p.wait = sync.OnceValue(p.cmd.Wait)
	if err := p.read(&p.hello); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if !p.hello.Ready {
		return nil, errors.Join(fmt.Errorf("%s did not report that it is ready", title), p.close())
	}
	return p, nil
}

func (p *peer) read(into any) error {
	if !p.out.Scan() {
		// Its stderr is complete once it has ended.
		return errors.Join(p.out.Err(), p.waitEnd(), fmt.Errorf("%s did not answer", p.title))
	}
	if err := json.Unmarshal(p.out.Bytes(), into); err != nil {
		return fmt.Errorf("%s answered %q: %w", p.title, p.out.Text(), err)
	}
	return nil
}

// run runs a task the given number of times and returns the total seconds.
func (p *peer) run(task string, times int) (float64, error) {
	if _, err := fmt.Fprintf(p.in, "%s %d\n", task, times); err != nil {
		return 0, errors.Join(fmt.Errorf("%s accepts no task: %w", p.title, err), p.waitEnd())
	}
	var answer struct{ Seconds float64 }
	if err := p.read(&answer); err != nil {
		return 0, err
	}
	if answer.Seconds <= 0 {
		return 0, fmt.Errorf("%s answered %q, expected seconds", p.title, p.out.Text())
	}
	return answer.Seconds, nil
}

// close ends the peer by closing its stdin, and kills it if that is not enough. The error is the peer's.
func (p *peer) close() error {
	// The peer may have ended already, and stdin be closed.
	_ = p.in.Close()
	return p.waitEnd()
}

// exitTimeout is how long a peer may take to end.
const exitTimeout = 10 * time.Second

// waitEnd waits for the peer's end and returns its error.
func (p *peer) waitEnd() error {
	force := time.AfterFunc(exitTimeout, func() { _ = p.cmd.Process.Kill() })
	defer force.Stop()
	if err := p.wait(); err != nil {
		return fmt.Errorf("%s: %w: %s", p.title, err, &p.errs)
	}
	return nil
}

// tail keeps the end of what is written to it. It may be read once the child has ended.
type tail struct{ text []byte }

const tailLength = 2000

func (t *tail) Write(b []byte) (int, error) {
	t.text = append(t.text, b...)
	if n := len(t.text) - tailLength; n > 0 {
		t.text = t.text[n:]
	}
	return len(b), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.text)) }
