// Package webhook posts alerts to an HTTP address, signed as Standard Webhooks describe (standardwebhooks.com).
//
// An alert of the outbox goes in and is posted as it is stored, a CloudEvent. An answer of 2xx takes it; after any
// other, or none, the outbox gives it again, with the same id in the header webhook-id, for ever. Neither the
// address's query nor its user reach an error.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"vigil/alerts"
	"vigil/alerts/sink"
	"vigil/internal/errcode"
	"vigil/internal/retry"
)

// Headers of a message.
const (
	HeaderID        = "webhook-id"        // the message's id, the same on repeats
	HeaderTimestamp = "webhook-timestamp" // when it was sent, in seconds since 1970; part of what is signed
	HeaderSignature = "webhook-signature" // v1,<base64 of HMAC-SHA256 over id.timestamp.body>
)

// Options describe a webhook.
type Options struct {
	URL string
	// Secret signs: the bytes of the text, or with whsec_ before it, what the rest says in base64; empty signs nothing.
	Secret  string
	Timeout time.Duration // for the whole answer
	TLS     *tls.Config   // nil for the system's
	// Phases are of the messages that are posted; none is all of them.
	Phases []alerts.Phase
}

// Sink is a way out of the outbox.
type Sink struct {
	url    *url.URL
	key    []byte
	client *http.Client
	now    func() time.Time
	phases []alerts.Phase
}

// New checks the options.
func New(o Options) (*Sink, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("webhook: the address must be as https://host/path")
	}
	key := []byte(o.Secret)
	if text, ok := strings.CutPrefix(o.Secret, "whsec_"); ok {
		if key, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, errors.New("webhook: what follows whsec_ in the secret must be base64")
		}
	}
	return &Sink{
		url: u, key: key, now: time.Now, phases: o.Phases,
		client: &http.Client{
			Timeout: o.Timeout,
			Transport: &http.Transport{
				TLSClientConfig: o.TLS, Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 4,
				IdleConnTimeout: time.Minute,
			},
			// An alert is not for whoever the address points to next.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Name is "webhook".
func (*Sink) Name() string { return "webhook" }

// Address is the address without what may be secret in it. Many services put their token into the path.
func (w *Sink) Address() string {
	where := w.url.Scheme + "://" + w.url.Host
	if w.url.Path != "" && w.url.Path != "/" {
		where += "/***"
	}
	return where
}

// maxRetryAfter bounds what a server may ask for with Retry-After.
const maxRetryAfter = time.Minute

// Deliver posts a message once and returns nil for an answer of 2xx, or where messages of its phase are not posted.
// Where the server asks for a pause, it waits.
func (w *Sink) Deliver(ctx context.Context, m sink.Message) error {
	if phase := m.Subject[strings.LastIndex(m.Subject, ".")+1:]; len(w.phases) > 0 &&
		!slices.Contains(w.phases, alerts.Phase(phase)) {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(m.Data))
	if err != nil {
		return fmt.Errorf("webhook %s: the address is not one", w.Address())
	}
	stamp := strconv.FormatInt(w.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	req.Header.Set("User-Agent", "vigil")
	req.Header.Set(HeaderID, m.ID)
	req.Header.Set(HeaderTimestamp, stamp)
	if len(w.key) > 0 {
		req.Header.Set(HeaderSignature, Sign(w.key, m.ID, stamp, m.Data))
	}
	if !validHeader(m.ID) {
		return sink.Refused(fmt.Errorf("webhook %s: the message's id cannot be a header", w.Address()))
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return connectCode(err).Wrap(fmt.Errorf("webhook %s: %w", w.Address(), unwrapURLError(err)))
	}
	defer resp.Body.Close()
	// Read to the end, so that the connection is used again; what it says is nobody's business.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	if resp.StatusCode/100 == 2 {
		return nil
	}
	w.waitRetryAfter(ctx, resp.Header.Get("Retry-After"))
	// The status alone: its text is the server's own.
	err = fmt.Errorf("webhook %s: answered %d %s; must be 2xx to take an alert", w.Address(), resp.StatusCode,
		http.StatusText(resp.StatusCode))
	if slices.Contains(refusingStatuses, resp.StatusCode) {
		return sink.Refused(err)
	}
	return statusCode(resp.StatusCode).Wrap(err)
}

// statusCode is the code of an HTTP status that says nothing of the message.
func statusCode(status int) errcode.Code {
	switch status {
	case http.StatusUnauthorized:
		return errcode.SinkUnauthorized
	case http.StatusForbidden:
		return errcode.SinkNotAllowed
	}
	return errcode.SinkBadAnswer
}

// connectCode is the code of a request without an answer.
func connectCode(err error) errcode.Code {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return errcode.SinkTLS
	}
	return errcode.SinkUnreachable
}

// refusingStatuses are the statuses that say something of what was sent. Others may heal: 401, 403, 404 and 405 with a
// changed configuration at either side, 408, 425, 429 and all of 5xx by themselves.
var refusingStatuses = []int{
	http.StatusBadRequest, http.StatusLengthRequired, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
	http.StatusUnprocessableEntity,
	http.StatusRequestHeaderFieldsTooLarge,
}

// validHeader says whether a text may be the value of a header; the client would refuse it.
func validHeader(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func (w *Sink) waitRetryAfter(ctx context.Context, after string) {
	seconds, err := strconv.Atoi(after)
	if err != nil || seconds <= 0 {
		return
	}
	retry.Sleep(ctx, min(time.Duration(seconds)*time.Second, maxRetryAfter))
}

// Sign gives the signature of a message.
func Sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// unwrapURLError is an error of the client without the address in it, which has the query.
func unwrapURLError(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
