package broker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// command is a command of the NATS client protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol.
type command struct {
	op             string // upper case
	subject, reply string // of PUB, HPUB and SUB
	rest           []string
	json           []byte // of CONNECT
	headerBytes    int    // of HPUB, at the start of the payload
	payload        []byte // of PUB and HPUB
}

const (
	maxLine = 64 << 10
	// maxPayload is the largest payload of a read-only client; its requests are short.
	maxPayload = 64 << 10
)

var errProtocol = errors.New("not NATS's protocol")

// readCommand reads one command. It is stricter than the server, and the server receives the command as parsed here,
// not the original bytes, so that both interpret it alike.
func readCommand(r *bufio.Reader) (command, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return command{}, err
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	op, args, _ := bytes.Cut(line, []byte(" "))
	c := command{op: string(bytes.ToUpper(op))}
	if c.op == "CONNECT" {
		c.json = bytes.Clone(bytes.TrimSpace(args))
		return c, nil
	}
	for f := range bytes.FieldsSeq(args) {
		c.rest = append(c.rest, string(f))
	}
	take := func() string {
		f := c.rest[0]
		c.rest = c.rest[1:]
		return f
	}
	switch n := len(c.rest); {
	case c.op == "PING" && n == 0, c.op == "PONG" && n == 0, c.op == "UNSUB" && (n == 1 || n == 2):
		return c, checkNoControl(c.rest)
	case c.op == "SUB" && (n == 2 || n == 3):
		c.subject = take()
		return c, checkNoControl(append(c.rest, c.subject))
	case c.op == "PUB" && (n == 2 || n == 3), c.op == "HPUB" && (n == 3 || n == 4):
		c.subject = take()
		if n == len(c.op) { // HPUB has one number more
			c.reply = take()
		}
		if err := checkNoControl(append(c.rest, c.subject, c.reply)); err != nil {
			return c, err
		}
		return c, c.readPayload(r)
	}
	return c, errProtocol
}

// readPayload reads the payload of a PUB or HPUB, whose sizes are in rest.
func (c *command) readPayload(r *bufio.Reader) error {
	var sizes []int
	for _, text := range c.rest {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return errProtocol
		}
		sizes = append(sizes, int(n))
	}
	total := sizes[len(sizes)-1]
	if len(sizes) == 2 {
		c.headerBytes = sizes[0]
	}
	if total > maxPayload || c.headerBytes > total {
		return fmt.Errorf("message of %d bytes is larger than %d: %w", total, maxPayload, errProtocol)
	}
	c.payload = make([]byte, total+2)
	if _, err := io.ReadFull(r, c.payload); err != nil {
		return err
	}
	if !bytes.HasSuffix(c.payload, []byte("\r\n")) {
		return errProtocol
	}
	c.payload, c.rest = c.payload[:total], nil
	return nil
}

// checkNoControl rejects control characters, which could corrupt a terminal or log that prints a subject.
func checkNoControl(words []string) error {
	for _, w := range words {
		for _, b := range []byte(w) {
			if b < 0x20 || b == 0x7f {
				return errProtocol
			}
		}
	}
	return nil
}

// bytes encodes the command for the server.
func (c command) bytes() []byte {
	var b bytes.Buffer
	word := func(s string) {
		if s != "" {
			b.WriteByte(' ')
			b.WriteString(s)
		}
	}
	b.WriteString(c.op)
	word(string(c.json))
	word(c.subject)
	word(c.reply)
	for _, w := range c.rest {
		word(w)
	}
	if c.op == "HPUB" {
		word(strconv.Itoa(c.headerBytes))
	}
	if c.op == "PUB" || c.op == "HPUB" {
		word(strconv.Itoa(len(c.payload)))
		b.WriteString("\r\n")
		b.Write(c.payload)
	}
	b.WriteString("\r\n")
	return b.Bytes()
}
