package broker

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// clientSession is a connection from another program on this machine to the embedded server. It forwards the commands
// of an account with all rights unchanged, and filters every command of read-only accounts, because the server's
// permissions cover subjects but not contents. A reader's replies must go to its own inbox, since the server and its
// streams may publish to any subject; its consumers are created by type consumers.
type clientSession struct {
	server *Server
	inner  net.Conn // to the server
	ended  atomic.Bool
}

// refusedSubject replaces the subject of a refused command: only vigil may publish there, so the server itself reports
// a permission error to the client.
const refusedSubject = "$VIGIL.REFUSED."

// forward copies the client's commands to the server until either side closes.
func (s *clientSession) forward(outer net.Conn) error {
	r := bufio.NewReaderSize(outer, maxLine)
	connected := false
	for {
		c, err := readCommand(r)
		if err != nil {
			return err
		}
		if c.op == "CONNECT" {
			var in natsserver.ClientOpts
			if err := json.Unmarshal(c.json, &in); err != nil || connected {
				return errors.Join(errProtocol, err)
			}
			connected = true
			if s.server.opts.rightsOf(in) == Write {
				if _, err := s.inner.Write(c.bytes()); err != nil {
					return err
				}
				_, err := io.Copy(s.inner, r)
				return err
			}
		}
		if c, err = s.filterCommand(c); err != nil {
			return err
		}
		if c.op == "" {
			continue
		}
		if _, err := s.inner.Write(c.bytes()); err != nil {
			return err
		}
	}
}

// filterCommand returns the command to pass on for a read-only client: the same one, one that the server refuses, or
// none.
func (s *clientSession) filterCommand(c command) (command, error) {
	switch c.op {
	case "SUB":
		if strings.HasPrefix(c.subject, inboxPrefix) && !isOwnInbox(c.subject) {
			c.subject = refusedSubject + c.subject
		}
	case "PUB", "HPUB":
		return s.filterPublish(c), nil
	}
	return c, nil
}

const inboxPrefix = "_INBOX."

// isOwnInbox reports whether a subject is an inbox of a single client: it must contain the random part.
func isOwnInbox(subject string) bool {
	token, _, _ := strings.Cut(strings.TrimPrefix(subject, inboxPrefix), ".")
	return strings.HasPrefix(subject, inboxPrefix) && token != "" && token != "*" && token != ">"
}

// filterPublish filters a message that a reader publishes.
func (s *clientSession) filterPublish(c command) command {
	refused := command{op: "PUB", subject: refusedSubject + c.subject}
	if c.reply != "" && (!isOwnInbox(c.reply) || strings.ContainsAny(c.reply, "*>")) {
		return refused
	}
	own, t := &s.server.consumers, strings.Split(c.subject, ".")
	switch {
	case len(t) > 2 && t[0] == "$JS" && (t[1] == "ACK" || t[1] == "FC"):
		if !own.mayUse(s, ackedConsumer(t)) {
			return refused
		}
	case len(t) < 5 || t[0] != "$JS" || t[1] != "API":
	case t[2] == "CONSUMER" && t[3] == "CREATE":
		if c.reply != "" && s.waitProcessed() == nil {
			own.create(s, t[4:], c)
		}
		return command{}
	case t[2] == "CONSUMER" && t[3] == "DELETE" && len(t) == 6:
		if err := s.waitProcessed(); err != nil {
			return command{}
		}
		own.remove(s, t[4]+"."+t[5], c)
		return command{}
	case t[2] == "CONSUMER" && t[3] == "MSG" && len(t) == 7:
		if !own.mayUse(s, t[5]+"."+t[6]) {
			return refused
		}
	case t[2] == "CONSUMER" && t[3] == "INFO" && len(t) == 6:
		if !own.mayUse(s, t[4]+"."+t[5]) {
			return refused
		}
	case t[2] == "CONSUMER" && !isReadable(t[4]), t[2] == "STREAM" && t[3] == "MSG" && len(t) > 5 && !isReadable(t[5]),
		t[2] == "DIRECT" && !isReadable(t[4]), t[2] == "STREAM" && t[3] == "INFO" && !isReadable(t[4]) &&
			t[4] != "KV_"+PositionsBucket:
		return refused
	}
	return c
}

// waitProcessed returns when the server has processed all commands so far, such as the subscription to the inbox that
// receives a reply. The pipe is unbuffered, so the write returns when the server reads on. PONG has no effect.
func (s *clientSession) waitProcessed() error {
	_, err := s.inner.Write([]byte("PONG\r\n"))
	return err
}

// isReadable reports whether every account with read rights may read a stream.
func isReadable(stream string) bool {
	switch stream {
	case Stream, "KV_VIGIL_ACKS", "OBJ_VIGIL_EVIDENCE", "OBJ_VIGIL_TRAINING":
		return true
	}
	return strings.HasPrefix(stream, "OBJ_VIGIL_EVIDENCE_") // of a vigil that copies its evidence to this one
}

// ackedConsumer returns the consumer, as <stream>.<name>, of a subject of $JS.ACK or $JS.FC; their second form has a
// domain and an account before it.
func ackedConsumer(t []string) string {
	at := 2
	if v2 := len(t) > 5; t[1] == "ACK" && len(t) > 9 || t[1] == "FC" && v2 {
		at = 4
	}
	if len(t) < at+2 {
		return ""
	}
	return t[at] + "." + t[at+1]
}
