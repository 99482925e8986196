// Package sender simulates many cameras at little cost: it is an RTSP server that sends one pre-encoded H.264 video in
// a loop to every client, each with its own pace and starting point. GStreamer's server (package rtsptest) encodes or
// parses for each client, which would dominate a measurement with dozens of clients.
//
// It implements the subset of RTSP 1.0 (RFC 2326) that FFmpeg's client needs: RTP over the same TCP connection, and
// H.264 according to RFC 6184 in packets as small as a camera's.
package sender

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Video is an H.264 video that is ready to be sent.
type Video struct {
	fps      float64
	params   [][]byte // parameter sets
	pictures []picture
	keys     []int // indices of the key frames
}

// picture is one frame's RTP packets in RTSP's framing, with sequence numbers from 0 and timestamp 0.
type picture struct {
	wire    []byte
	packets []int // offsets of the packets in wire
}

const (
	rtpClock   = 90000
	maxPayload = 1400 // fits into an Ethernet packet
	framing    = 4    // $, channel, length
	rtpHead    = 12
	typeIDR    = 5
	typeSPS    = 7
	typePPS    = 8
	typeFUA    = 28
)

// Parse parses an Annex B stream with one slice for each frame and no B-frames.
func Parse(annexB []byte, fps float64) (*Video, error) {
	v := &Video{fps: fps}
	var p picture
	for _, nal := range split(annexB) {
		kind := nal[0] & 31
		if (kind == typeSPS || kind == typePPS) && len(v.params) < 2 {
			v.params = append(v.params, nal)
		}
		slice := kind == 1 || kind == typeIDR
		p.add(nal, slice)
		if !slice {
			continue
		}
		if kind == typeIDR {
			v.keys = append(v.keys, len(v.pictures))
		}
		v.pictures = append(v.pictures, p)
		p = picture{}
	}
	if len(v.keys) == 0 || len(v.params) < 2 {
		return nil, fmt.Errorf("%d pictures, %d key frames, %d parameter sets: not an H.264 stream in Annex B form",
			len(v.pictures), len(v.keys), len(v.params))
	}
	return v, nil
}

// Length is the number of frames before the video repeats.
func (v *Video) Length() int { return len(v.pictures) }

// split splits an Annex B stream at its start codes.
func split(b []byte) (nals [][]byte) {
	begin := -1
	for i := 0; i+3 <= len(b); i++ {
		if b[i] != 0 || b[i+1] != 0 || b[i+2] != 1 {
			continue
		}
		if end := i; begin >= 0 {
			for end > begin && b[end-1] == 0 {
				end--
			}
			nals = append(nals, b[begin:end])
		}
		begin = i + 3
		i += 2
	}
	if begin >= 0 && begin < len(b) {
		nals = append(nals, b[begin:])
	}
	return nals
}

// add appends a NAL unit; last marks the frame's final one.
func (p *picture) add(nal []byte, last bool) {
	if len(nal) <= maxPayload {
		p.packet(last, nal)
		return
	}
	head, rest := nal[0], nal[1:]
	for first := true; len(rest) > 0; first = false {
		n := min(len(rest), maxPayload-2)
		fu := []byte{head&0xe0 | typeFUA, head & 31}
		if first {
			fu[1] |= 0x80
		}
		if n == len(rest) {
			fu[1] |= 0x40
		}
		p.packet(last && n == len(rest), fu, rest[:n])
		rest = rest[n:]
	}
}

func (p *picture) packet(marker bool, parts ...[]byte) {
	size := rtpHead
	for _, part := range parts {
		size += len(part)
	}
	p.packets = append(p.packets, len(p.wire))
	kind := byte(96)
	if marker {
		kind |= 0x80
	}
	p.wire = append(p.wire, '$', 0, byte(size>>8), byte(size), 0x80, kind, 0, 0, 0, 0, 0, 0, 'v', 'i', 'g', 'l')
	for _, part := range parts {
		p.wire = append(p.wire, part...)
	}
}

// Server sends a Video to its clients.
type Server struct {
	Video *Video
	// Sent and Dropped count frames. A frame is dropped, as by a camera, if a client has not received the previous
	// ones.
	Sent, Dropped atomic.Uint64
	clients       atomic.Int64
}

// Serve answers clients until ctx is done.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() }) // makes Accept return
	defer stop()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // makes reads and writes return
			defer stop()
			_ = s.talk(ctx, conn) // a client that disconnects is not an error
		}()
	}
}

// talk handles one client's requests up to PLAY and from TEARDOWN on.
func (s *Server) talk(ctx context.Context, conn net.Conn) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	in := bufio.NewReader(conn)
	for {
		method, seq, err := request(in)
		if err != nil {
			return err
		}
		head := ""
		body := ""
		switch method {
		case "OPTIONS":
			head = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
		case "DESCRIBE":
			body = s.Video.describe()
			head = fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n", len(body))
		case "SETUP":
			head = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1;timeout=3600\r\n"
		case "PLAY", "TEARDOWN":
			head = "Session: 1\r\n"
		}
		if _, err := fmt.Fprintf(conn, "RTSP/1.0 200 OK\r\nCSeq: %s\r\n%s\r\n%s", seq, head, body); err != nil {
			return err
		}
		switch method {
		case "PLAY":
			go func() { _ = s.play(ctx, conn) }() // ends with the connection
		case "TEARDOWN":
			return nil
		}
	}
}

// request reads a request's head and skips other data from the client (RTCP).
func request(in *bufio.Reader) (method, seq string, err error) {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return "", "", err
		}
		if b == '$' {
			var head [framing - 1]byte
			if _, err := io.ReadFull(in, head[:]); err != nil {
				return "", "", err
			}
			if _, err := in.Discard(int(binary.BigEndian.Uint16(head[1:]))); err != nil {
				return "", "", err
			}
			continue
		}
		if err := in.UnreadByte(); err != nil {
			return "", "", err
		}
		break
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		line = strings.TrimSpace(line)
		switch name, value, _ := strings.Cut(line, ":"); {
		case method == "":
			method, _, _ = strings.Cut(line, " ")
		case strings.EqualFold(name, "CSeq"):
			seq = strings.TrimSpace(value)
		case line == "":
			if seq == "" {
				return "", "", errors.New("a request without CSeq")
			}
			return method, seq, nil
		}
	}
}

// describe returns the session description (RFC 4566).
func (v *Video) describe() string {
	var sets []string
	for _, p := range v.params {
		sets = append(sets, base64.StdEncoding.EncodeToString(p))
	}
	return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP " +
		"96\r\na=rtpmap:96 H264/90000\r\n" +
		"a=framerate:" + strconv.FormatFloat(v.fps, 'g', -1, 64) + "\r\n" +
		"a=fmtp:96 packetization-mode=1;sprop-parameter-sets=" + strings.Join(sets, ",") + "\r\na=control:track1\r\n"
}

// play sends the frames at their pace. If the client does not receive one in time, frames are dropped up to the next
// key frame, as by cameras.
func (s *Server) play(ctx context.Context, conn net.Conn) error {
	v := s.Video
	client := int(s.clients.Add(1) - 1)
	at := v.keys[client*7%len(v.keys)]
	step := time.Duration(float64(time.Second) / v.fps)
	began := time.Now().Add(step * time.Duration(client%16) / 16)
	var buf []byte
	var seq uint16
	waiting := false // waiting for a key frame
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(began.Add(step * time.Duration(n)))):
		}
		i := (at + n) % len(v.pictures)
		late := time.Since(began.Add(step*time.Duration(n))) > 2*time.Second
		if waiting = waiting && !v.isKey(i) || late; waiting {
			s.Dropped.Add(1)
			continue
		}
		p := &v.pictures[i]
		buf = append(buf[:0], p.wire...)
		for _, from := range p.packets {
			rtp := buf[from+framing:]
			binary.BigEndian.PutUint16(rtp[2:], seq)
			binary.BigEndian.PutUint32(rtp[4:],
				uint32(float64(n)*rtpClock/v.fps)) //nolint:gosec // It goes round, as it should.
			seq++
		}
		if _, err := conn.Write(buf); err != nil {
			return err
		}
		s.Sent.Add(1)
	}
}

func (v *Video) isKey(i int) bool {
	return slices.Contains(v.keys, i)
}
