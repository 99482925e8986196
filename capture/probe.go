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

	"vigil/capture/source"
	"vigil/internal/errcode"
	"vigil/internal/retry"
)

// explainTimeout bounds the request for the reason of a refusal; a server that answers at all answers quickly.
const explainTimeout = 2 * time.Second

// connect connects to the address's host, with TLS if config is not nil.
func connect(ctx context.Context, w source.URL, config *tls.Config) (net.Conn, error) {
	server := net.JoinHostPort(w.Host, w.Port)
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, errcode.CameraUnreachable.Wrap(fmt.Errorf("no connection: %w", err))
	}
	if config == nil {
		return conn, nil
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, tlsError(err)
	}
	return secure, nil
}

// tlsError returns a failed handshake's error, with the code that says whether the certificate is at fault.
func tlsError(err error) error {
	code := errcode.CameraUnreachable
	if errors.Is(err, source.ErrUntrusted) {
		code = errcode.CameraUntrustedCertificate
	}
	return code.Wrap(fmt.Errorf("no connection by TLS: %w", stableError(err)))
}

// stableError removes the local port from an error, since it differs each time: the text of a lasting reason must not
// change.
func stableError(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		op.Source = nil
	}
	return err
}

// explainURL asks the server again, from Go, why FFmpeg got no stream; nil if that yields no reason.
func explainURL(ctx context.Context, addr source.Address, o Options, timeout time.Duration) error {
	u, err := url.Parse(addr.Reveal())
	if err != nil {
		return errors.New(
			"the URL is malformed (in a user name or a password write @ / ? # : % as %40 %2F %3F %23 %3A %25)")
	}
	a, err := query(ctx, addr, u, o, timeout)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusUnauthorized && u.User != nil:
		if err := explainChallenges(a.challenges); err != nil {
			return err
		}
	case a.status == http.StatusOK && strings.Contains(a.media, "audio") && !strings.Contains(a.media, "video"):
		return fmt.Errorf("%w: the camera offers sound only", errNoVideo)
	}
	return explainStatus(a.status, u.User != nil)
}

// explainUnauthorized explains a 401. The server may require an authentication scheme that FFmpeg lacks. It is asked
// without a login, so that the camera does not count another failed attempt.
func explainUnauthorized(ctx context.Context, addr source.Address, o Options) error {
	u, err := url.Parse(addr.Reveal())
	if err != nil || u.User == nil {
		return explainStatus(http.StatusUnauthorized, err == nil && u.User != nil)
	}
	anonymous := *u
	anonymous.User = nil
	if a, err := query(ctx, addr, &anonymous, o, min(o.OpenTimeout, explainTimeout)); err == nil &&
		a.status == http.StatusUnauthorized {
		if err := explainChallenges(a.challenges); err != nil {
			return err
		}
	}
	return explainStatus(http.StatusUnauthorized, true)
}

// response is what the server returned.
type response struct {
	status     int
	challenges []string // authentication headers
	media      string   // media types of an RTSP server's streams, such as "audio video"
}

func query(ctx context.Context, addr source.Address, u *url.URL, o Options, timeout time.Duration) (a response,
	err error,
) {
	w, trust := addr.URL(), o.Trust
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var config *tls.Config
	if strings.HasSuffix(w.Scheme, "s") {
		if config, err = trust.TLSConfig(w.Hostname()); err != nil {
			return a, err
		}
	}
	if !strings.HasPrefix(w.Scheme, "rtsp") {
		allowed, err := hostsOf(addr, o.Follow)
		if err != nil {
			return a, err
		}
		return get(ctx, u, config, allowed)
	}
	// A server may still be busy closing FFmpeg's connection.
	const tries, pause = 5, 200 * time.Millisecond
	for i := 1; ; i++ {
		a, err := describe(ctx, w, u, config, timeout)
		if err != nil || a.status != http.StatusServiceUnavailable || i == tries {
			return a, err
		}
		if !retry.Sleep(ctx, pause) {
			return a, nil
		}
	}
}

func explainStatus(status int, hasCredentials bool) error {
	switch {
	case status == http.StatusUnauthorized && hasCredentials:
		return errcode.CameraUnauthorized.Wrap(fmt.Errorf("%w: wrong user name or password (401)", ErrRefused))
	case status == http.StatusUnauthorized:
		return errcode.CameraUnauthorized.Wrap(fmt.Errorf("%w: it wants a user name and a password (401)", ErrRefused))
	case status == http.StatusForbidden:
		return fmt.Errorf("%w: not allowed (403)", ErrRefused)
	case status == http.StatusNotFound:
		return errcode.CameraNotFound.Wrap(fmt.Errorf("%w: it has no such stream (404)", ErrRefused))
	case status >= 400:
		return fmt.Errorf("%w: it answers with status %d", ErrRefused, status)
	}
	return nil
}

// get returns the response to a GET. Go's error quotes the URL, so only the error that it wraps is passed on.
func get(ctx context.Context, u *url.URL, config *tls.Config, allowed hosts) (response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return response{}, errors.New("the URL is malformed")
	}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	// Redirects are followed as FFmpeg follows them, to allowed hosts only.
	follow := func(next *http.Request, before []*http.Request) error {
		const maxRedirects = 8
		if len(before) >= maxRedirects {
			return http.ErrUseLastResponse
		}
		port := next.URL.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[next.URL.Scheme]
		}
		return allowed.check(next.URL.Hostname(), port)
	}
	resp, err := (&http.Client{Transport: transport, CheckRedirect: follow}).Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		if redirect, ok := errors.AsType[*OtherHostError](err); ok {
			return response{}, redirect
		}
		return response{}, errcode.CameraUnreachable.Wrap(fmt.Errorf("no answer: %w", stableError(err)))
	}
	return response{status: resp.StatusCode, challenges: resp.Header.Values("Www-Authenticate")}, resp.Body.Close()
}

// describe returns the response to an RTSP DESCRIBE (RFC 2326), with credentials if the server requires them.
func describe(ctx context.Context, w source.URL, u *url.URL, config *tls.Config, timeout time.Duration) (response,
	error,
) {
	conn, err := connect(ctx, w, config)
	if err != nil {
		return response{}, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return response{}, err
	}
	plain := *u
	plain.User = nil
	uri := plain.String()
	r := textproto.NewReader(bufio.NewReader(io.LimitReader(conn, 1<<20)))
	request := func(seq int, authorization string) (response, error) {
		if _, err := fmt.Fprintf(conn, "DESCRIBE %s RTSP/1.0\r\nCSeq: %d\r\nAccept: application/sdp\r\n%s\r\n", uri,
			seq, authorization); err != nil {
			return response{}, err
		}
		return readResponse(r)
	}
	a, err := request(1, "")
	if err != nil || a.status != http.StatusUnauthorized || u.User == nil {
		return a, err
	}
	return request(2, authorize(a.challenges, u.User, uri))
}

// maxSDP is the maximum size in bytes of a session description, larger than any camera's.
const maxSDP = 64 << 10

func readResponse(r *textproto.Reader) (response, error) {
	line, err := r.ReadLine()
	if err != nil {
		return response{},
			errcode.CameraUnreachable.Wrap(fmt.Errorf("the server does not answer: %w", stableError(err)))
	}
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil || !strings.HasPrefix(version, "RTSP/") {
		return response{}, errors.New("the server does not speak RTSP")
	}
	header, err := r.ReadMIMEHeader()
	if err != nil {
		return response{}, err
	}
	a := response{status: status, challenges: header.Values("Www-Authenticate")}
	size, err := strconv.Atoi(header.Get("Content-Length"))
	if err != nil || size < 0 || size > maxSDP {
		return a, nil //nolint:nilerr // There is no description, or one that is not worth reading.
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r.R, body); err != nil {
		return a, err
	}
	for line := range strings.Lines(string(body)) {
		if media, ok := strings.CutPrefix(line, "m="); ok {
			kind, _, _ := strings.Cut(media, " ")
			a.media = strings.TrimSpace(a.media + " " + kind)
		}
	}
	return a, nil
}

// authorize answers a challenge: basic (RFC 7617), or digest without qop (RFC 2069), which RTSP uses.
func authorize(challenges []string, user *url.Userinfo, uri string) string {
	password, _ := user.Password()
	for _, c := range challenges {
		if params, ok := strings.CutPrefix(c, "Digest "); ok && supported("digest", params) {
			realm, nonce := parameter(params, "realm"), parameter(params, "nonce")
			response := hexMD5(hexMD5(user.Username()+":"+realm+":"+password) + ":" + nonce + ":" +
				hexMD5("DESCRIBE:"+uri))
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
