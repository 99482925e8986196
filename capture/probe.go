package capture

import (
	"bufio"
	"context"
	"crypto/md5" //nolint:gosec // RTSP's digest authentication is defined with it.
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// explainTime is how long a server is asked for the reason of a refusal: one that answers at all answers at once.
const explainTime = 2 * time.Second

// connect makes a connection to the address's host; one of TLS where config is not nil.
func connect(ctx context.Context, w webAddress, config *tls.Config) (net.Conn, error) {
	server := net.JoinHostPort(w.host, w.port)
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, fmt.Errorf("no connection: %w", err)
	}
	if config == nil {
		return conn, nil
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("no connection by TLS: %w", err), conn.Close())
	}
	return secure, nil
}

// explainURL asks the server once more, in Go, why FFmpeg got no stream; nil where that gives no reason.
func explainURL(ctx context.Context, addr Address, trust Trust, timeout time.Duration) error {
	u, err := url.Parse(addr.Reveal())
	if err != nil {
		return errors.New("the URL is malformed (in a user name or a password write @ / ? # : % as %40 %2F %3F %23 %3A %25)")
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	w := addr.web()
	var config *tls.Config
	if strings.HasSuffix(w.scheme, "s") {
		if config, err = trust.client(w.name()); err != nil {
			return err
		}
	}
	var status int
	if strings.HasPrefix(w.scheme, "rtsp") {
		status, err = describe(ctx, w, u, config, timeout)
	} else {
		status, err = get(ctx, u, config)
	}
	if err != nil {
		return err
	}
	return explainStatus(status, u.User != nil)
}

func explainStatus(status int, hasCredentials bool) error {
	switch {
	case status == http.StatusUnauthorized && hasCredentials:
		return fmt.Errorf("%w: wrong user name or password (401)", ErrRefused)
	case status == http.StatusUnauthorized:
		return fmt.Errorf("%w: it wants a user name and a password (401)", ErrRefused)
	case status == http.StatusForbidden:
		return fmt.Errorf("%w: not allowed (403)", ErrRefused)
	case status == http.StatusNotFound:
		return fmt.Errorf("%w: it has no such stream (404)", ErrRefused)
	case status >= 400:
		return fmt.Errorf("%w: it answers with status %d", ErrRefused, status)
	}
	return nil
}

// get gives the status of a GET. Go's error quotes the URL, so only what lies below it is passed on.
func get(ctx context.Context, u *url.URL, config *tls.Config) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return 0, errors.New("the URL is malformed")
	}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return 0, fmt.Errorf("no answer: %w", err)
	}
	return resp.StatusCode, resp.Body.Close()
}

// describe gives the status of an RTSP DESCRIBE (RFC 2326), with the credentials where the server wants them.
func describe(ctx context.Context, w webAddress, u *url.URL, config *tls.Config, timeout time.Duration) (int, error) {
	conn, err := connect(ctx, w, config)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return 0, err
	}
	plain := *u
	plain.User = nil
	uri := plain.String()
	r := textproto.NewReader(bufio.NewReader(io.LimitReader(conn, 1<<20)))
	ask := func(seq int, authorization string) (int, textproto.MIMEHeader, error) {
		if _, err := fmt.Fprintf(conn, "DESCRIBE %s RTSP/1.0\r\nCSeq: %d\r\nAccept: application/sdp\r\n%s\r\n", uri, seq, authorization); err != nil {
			return 0, nil, err
		}
		line, err := r.ReadLine()
		if err != nil {
			return 0, nil, fmt.Errorf("the server does not answer: %w", err)
		}
		version, rest, _ := strings.Cut(line, " ")
		code, _, _ := strings.Cut(rest, " ")
		status, err := strconv.Atoi(code)
		if err != nil || !strings.HasPrefix(version, "RTSP/") {
			return 0, nil, errors.New("the server does not speak RTSP")
		}
		header, err := r.ReadMIMEHeader()
		return status, header, err
	}
	status, header, err := ask(1, "")
	if err != nil || status != http.StatusUnauthorized || u.User == nil {
		return status, err
	}
	status, _, err = ask(2, authorize(header.Values("Www-Authenticate"), u.User, uri))
	return status, err
}

// authorize answers a challenge: basic (RFC 7617), or digest without qop (RFC 2069), which is what RTSP uses.
func authorize(challenges []string, user *url.Userinfo, uri string) string {
	password, _ := user.Password()
	for _, c := range challenges {
		if params, ok := strings.CutPrefix(c, "Digest "); ok {
			realm, nonce := parameter(params, "realm"), parameter(params, "nonce")
			response := hexMD5(hexMD5(user.Username()+":"+realm+":"+password) + ":" + nonce + ":" + hexMD5("DESCRIBE:"+uri))
			return fmt.Sprintf("Authorization: Digest username=%q, realm=%q, nonce=%q, uri=%q, response=%q\r\n",
				user.Username(), realm, nonce, uri, response)
		}
	}
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
}

func parameter(params, name string) string {
	_, rest, _ := strings.Cut(params, name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func hexMD5(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // See the import.
	return hex.EncodeToString(sum[:])
}
