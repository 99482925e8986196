package faultproxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"regexp"
	"strconv"
	"time"
)

// forward sends the server's data to the client, modified by the current fault, until one side closes.
func (p *Proxy) forward(client io.Writer, server net.Conn) {
	r := bufio.NewReaderSize(server, 1<<17)
	for {
		unit, err := readUnit(r)
		if err != nil {
			return
		}
		if !p.send(client, unit) {
			return
		}
	}
}

func (p *Proxy) send(client io.Writer, unit []byte) bool {
	media := unit[0] == '$'
	switch p.now() {
	case Mute, Stall, HalfOpen:
		return true // dropped
	case Garbage:
		p.scramble(unit, 0, 1)
	case Corrupt:
		if media && unit[1] == 0 {
			p.scramble(unit, 4+rtpHead, 0.002)
		}
	case Empty:
		if media {
			return true
		}
		unit = withoutSize(unit)
	case Trickle:
		return p.trickle(client, unit)
	}
	_, err := client.Write(unit)
	return err == nil
}

const rtpHead = 12

// scramble changes each byte from an index on with the given probability.
func (p *Proxy) scramble(b []byte, from int, probability float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := from; i < len(b); i++ {
		if p.rng.Float64() < probability {
			b[i] = byte(p.rng.IntN(256))
		}
	}
}

// trickle sends one byte every 20 ms while the fault lasts.
func (p *Proxy) trickle(client io.Writer, unit []byte) bool {
	for i := range unit {
		if p.now() != Trickle {
			_, err := client.Write(unit[i:])
			return err == nil
		}
		if _, err := client.Write(unit[i : i+1]); err != nil {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	return true
}

// readUnit returns an interleaved packet (RFC 2326, section 10.12), an RTSP message, or the available bytes of anything
// else.
func readUnit(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	if head[0] == '$' {
		unit := make([]byte, 4+int(binary.BigEndian.Uint16(head[2:])))
		_, err := io.ReadFull(r, unit)
		return unit, err
	}
	if !bytes.Equal(head, []byte("RTSP")) {
		unit := make([]byte, max(1, r.Buffered()))
		n, err := r.Read(unit)
		return unit[:n], err
	}
	var unit []byte
	for !bytes.HasSuffix(unit, []byte("\r\n\r\n")) {
		line, err := r.ReadSlice('\n')
		unit = append(unit, line...)
		if err != nil {
			return unit, err
		}
	}
	if m := contentLength.FindSubmatch(unit); m != nil {
		if n, err := strconv.Atoi(string(m[1])); err == nil && n < 1<<20 {
			body := make([]byte, n)
			if _, err := io.ReadFull(r, body); err != nil {
				return nil, err
			}
			unit = append(unit, body...)
		}
	}
	return unit, nil
}

var (
	contentLength = regexp.MustCompile(`(?i)\r\nContent-Length: *([0-9]+)`)
	parameterSets = regexp.MustCompile(`sprop-parameter-sets=[^;\r\n]*`)
)

// withoutSize replaces the parameter sets in a description by filler of the same length.
func withoutSize(unit []byte) []byte {
	return parameterSets.ReplaceAllFunc(unit, func(m []byte) []byte {
		return append([]byte("x="), bytes.Repeat([]byte("0"), len(m)-2)...)
	})
}
