package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"vigil/internal/errcode"
	"vigil/internal/listener"
)

const (
	// connectTimeout bounds the opening of a connection, and headerTimeout the wait for the beginning of an answer.
	connectTimeout = 5 * time.Second
	headerTimeout  = answerTimeout
	// maxHeader bounds the header of an answer, maxToken a token and maxCA a file of certificates, in bytes.
	maxHeader = 64 << 10
	maxToken  = 4 << 10
	maxCA     = 1 << 20
)

// UsageError is an error of the options.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e UsageError) Unwrap() error { return e.Err }

func usage(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// newRemote returns a client of a server.
func newRemote(o Options) (*Client, error) {
	u, err := parseServer(o.Server)
	if err != nil {
		return nil, err
	}
	if o.Token, err = checkToken(o.Token); err != nil {
		return nil, err
	}
	c := &Client{base: u.Scheme + "://" + u.Host, where: u.Scheme + "://" + u.Host, token: o.Token}
	d := &net.Dialer{Timeout: connectTimeout}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: d.DialContext, MaxResponseHeaderBytes: maxHeader,
		TLSHandshakeTimeout: connectTimeout, ResponseHeaderTimeout: headerTimeout, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	switch {
	case u.Scheme == "https":
		if o.CA != "" {
			if t.TLSClientConfig.RootCAs, err = readCA(o.CA); err != nil {
				return nil, err
			}
		}
	case o.CA != "":
		return nil, usage("--ca is for https://, and --server is %s", c.base)
	case !o.InsecureHTTP:
		if !listener.IsThisMachine(u.Hostname()) {
			return nil, usage(
				"--server %s: http is readable in the network, also tokens and passwords of cameras; give "+
					"https://, or --insecure-http if something else protects the connection", c.base)
		}
		d.Control = onlyLoopback
	}
	if u.Scheme == "http" {
		t.Proxy = nil // it would read the token
	}
	c.http = &http.Client{Transport: t, CheckRedirect: noRedirect}
	c.dialError = func(err error) error { return remoteError(c.base, o.CA, err) }
	return c, nil
}

// parseServer reads the URL of a server. The errors do not quote it, since it may have a password in it.
func parseServer(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, usage("--server: must be a URL such as https://vigil.example:8443 or http://127.0.0.1:8080")
	case u.User != nil:
		return nil, usage(
			"--server: has a name or a password in it: give a token instead, in $VIGIL_TOKEN or by --token-file")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, usage("--server: must end after the host and the port, as %s://%s", u.Scheme, u.Host)
	}
	return u, nil
}

// checkToken returns a token without the line end that a file has. The errors do not quote it.
func checkToken(token string) (string, error) {
	token = strings.TrimSpace(token)
	visible := func(r rune) bool { return r > ' ' && r < 0x7f }
	if len(token) > maxToken || strings.ContainsFunc(token, func(r rune) bool { return !visible(r) }) {
		return "", usage(
			"the token has spaces, control characters or too many of them: give what 'vigil token add' printed")
	}
	return token, nil
}

// onlyLoopback refuses connections to other machines, to which a name such as localhost could lead.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err == nil && !listener.IsThisMachine(host) {
		err = fmt.Errorf("%s is not this machine", host)
	}
	return err
}

// noRedirect leaves redirections to refusal, so that no token follows them.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// readCA reads certificates.
func readCA(file string) (*x509.CertPool, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, usage("--ca: %w", err)
	}
	defer f.Close()
	text, err := readAll(f, maxCA)
	if err != nil {
		return nil, usage("--ca: %s: %w", file, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, usage("--ca: %s has no certificate in PEM", file)
	}
	return pool, nil
}

// remoteError describes why a server gave no answer.
func remoteError(server, ca string, err error) error {
	err = withoutURL(err)
	unknown, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case isUnknown && ca != "":
		return errcode.ServerCertificate.Wrap(fmt.Errorf("the certificate of %s is not signed by one of %s: %w", server,
			ca, unknown))
	case isUnknown:
		return errcode.ServerCertificate.Wrap(
			fmt.Errorf("the certificate of %s is not trusted: give --ca FILE with the "+
				"certificate of the authority that signed it, or with that certificate if nobody else did: %w",
				server, unknown))
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return errcode.ServerCertificate.Wrap(fmt.Errorf("the certificate of %s: %w", server, err))
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, new(tls.RecordHeaderError)):
		return errcode.ServerNotVigil.Wrap(fmt.Errorf("%s answers without TLS: is it http:// there?", server))
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return errcode.ServerUnreachable.Wrap(fmt.Errorf("%s did not answer in time", server))
	}
	return errcode.ServerUnreachable.Wrap(fmt.Errorf("%s cannot be reached: %w", server, err))
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// withoutURL leaves out the method and the URL, which the error has already.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
