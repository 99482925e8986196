package broker

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigil/internal/alerttest"
)

// rawConn speaks NATS's protocol by hand, like a program that does not follow a client library's rules.
type rawConn struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	n    int
}

// dialRaw connects with these user fields in CONNECT; it fails if the server does not answer a ping.
func dialRaw(t *testing.T, network, address string, connect map[string]any) (*rawConn, error) {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(alerttest.LongWait)); err != nil {
		t.Fatal(err)
	}
	c := &rawConn{t: t, conn: conn, r: bufio.NewReader(conn)}
	if info, err := c.r.ReadString('\n'); err != nil || !strings.HasPrefix(info, "INFO ") {
		return nil, fmt.Errorf("no INFO but %q: %w", info, err)
	}
	in := map[string]any{
		"verbose": false, "pedantic": false, "headers": true, "no_responders": true, "lang": "x",
		"version": "1", "protocol": 1,
	}
	maps.Copy(in, connect)
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	c.write("CONNECT " + string(text) + "\r\nPING\r\n")
	for {
		line, err := c.r.ReadString('\n')
		switch {
		case err != nil:
			return nil, err
		case strings.HasPrefix(line, "-ERR"):
			return nil, errors.New(strings.TrimSpace(line))
		case strings.HasPrefix(line, "PONG"):
			return c, nil
		}
	}
}

// dialAnonymous returns a TCP client without a user.
func dialAnonymous(t *testing.T, s *Server) *rawConn {
	t.Helper()
	c, err := dialRaw(t, "tcp", hostOf(t, s.URL()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func (c *rawConn) write(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatal(err)
	}
}

// publish sends a message, with headers if there are any.
func (c *rawConn) publish(subject, reply string, header map[string]string, data string) {
	c.t.Helper()
	if header == nil {
		c.write(fmt.Sprintf("PUB %s %s %d\r\n%s\r\n", subject, reply, len(data), data))
		return
	}
	h := "NATS/1.0\r\n"
	for k, v := range header {
		h += k + ": " + v + "\r\n"
	}
	h += "\r\n"
	c.write(fmt.Sprintf("HPUB %s %s %d %d\r\n%s%s\r\n", subject, reply, len(h), len(h)+len(data), h, data))
}

// next returns the next message, or the server's error.
func (c *rawConn) next() (subject, data string, err error) {
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		f := strings.Fields(line)
		switch f[0] {
		case "PING":
			c.write("PONG\r\n")
		case "-ERR":
			return "", "", errors.New(strings.TrimSpace(line))
		case "MSG", "HMSG":
			n, err := strconv.Atoi(f[len(f)-1])
			if err != nil {
				return "", "", err
			}
			body := make([]byte, n+2)
			if _, err := io.ReadFull(c.r, body); err != nil {
				return "", "", err
			}
			return f[1], string(body[:n]), nil
		}
	}
}

// request sends a request and returns the reply, or the server's error.
func (c *rawConn) request(subject string, header map[string]string, data string) (string, error) {
	c.t.Helper()
	c.n++
	inbox := fmt.Sprintf("_INBOX.raw%p.%d", c, c.n)
	c.write(fmt.Sprintf("SUB %s %d\r\n", inbox, c.n))
	c.publish(subject, inbox, header, data)
	_, answer, err := c.next()
	return answer, err
}

// errorsSoFar returns the server's errors so far.
func (c *rawConn) errorsSoFar() (errs []string) {
	c.t.Helper()
	c.write("PING\r\n")
	for {
		line, err := c.r.ReadString('\n')
		switch {
		case err != nil:
			return append(errs, err.Error())
		case strings.HasPrefix(line, "PONG"):
			return errs
		case strings.HasPrefix(line, "-ERR"):
			errs = append(errs, strings.TrimSpace(line))
		}
	}
}
