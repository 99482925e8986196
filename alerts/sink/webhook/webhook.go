// Package webhook posts alerts to an HTTP address, signed according to Standard Webhooks (standardwebhooks.com).
//
// An alert of the outbox goes in and is posted as it is stored, a CloudEvent. A status of 2xx acknowledges it; after
// any other, or none, the outbox delivers it again, with the same id in the header webhook-id, without a limit on
// retries. Neither the address's query nor its user reach an error.
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

// Headers of a request.
const (
	HeaderID        = "webhook-id"        // the message's id, the same on repeats
	HeaderTimestamp = "webhook-timestamp" // time of sending, in seconds since 1970; part of the signed text
	HeaderSignature = "webhook-signature" // v1,<base64 of HMAC-SHA256 over id.timestamp.body>
)

// Options describe a webhook.
type Options struct {
	URL string
	// Secret is the key for signing: the bytes of the text, or after whsec_, the base64-decoded rest; empty does not
	// sign.
	Secret  string
	Timeout time.Duration // for the whole response
	TLS     *tls.Config   // nil for the system's
	// Phases are those of the messages that are posted; empty means all.
	Phases []alerts.Phase
}

// Sink delivers alerts of the outbox to a webhook.
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
			// Do not post an alert to the target of a redirect.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Name is "webhook".
func (*Sink) Name() string { return "webhook" }

// Address returns the address without parts that may be secret. Many services put their token into the path.
func (w *Sink) Address() string {
	where := w.url.Scheme + "://" + w.url.Host
	if w.url.Path != "" && w.url.Path != "/" {
		where += "/***"
	}
	return where
}

// maxRetryAfter bounds the pause requested by Retry-After.
const maxRetryAfter = time.Minute

// Deliver posts a message once and returns nil for a status of 2xx, or if messages of its phase are not posted. If the
// server requests a pause, it waits.
func (w *Sink) Deliver(ctx context.Context, m sink.Message) error {
	if phase := m.Subject[strings.LastIndex(m.Subject, ".")+1:]; len(w.phases) > 0 &&
		!slices.Contains(w.phases, alerts.Phase(phase)) {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(m.Data))
	if err != nil {
		return fmt.Errorf("webhook %s: invalid address", w.Address())
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
	// Read to the end, so that the connection is reused.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	if resp.StatusCode/100 == 2 {
		return nil
	}
	w.waitRetryAfter(ctx, resp.Header.Get("Retry-After"))
	// The status alone: its text comes from the server.
	err = fmt.Errorf("webhook %s: the response is %d %s, must be 2xx", w.Address(), resp.StatusCode,
		http.StatusText(resp.StatusCode))
	if slices.Contains(refusingStatuses, resp.StatusCode) {
		return sink.Refused(err)
	}
	return statusCode(resp.StatusCode).Wrap(err)
}

// statusCode returns the code of an HTTP status that is not about the message.
func statusCode(status int) errcode.Code {
	switch status {
	case http.StatusUnauthorized:
		return errcode.SinkUnauthorized
	case http.StatusForbidden:
		return errcode.SinkNotAllowed
	}
	return errcode.SinkBadAnswer
}

// connectCode returns the code of a request without a response.
func connectCode(err error) errcode.Code {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return errcode.SinkTLS
	}
	return errcode.SinkUnreachable
}

// refusingStatuses are the statuses that are about the message. Others may resolve: 401, 403, 404 and 405 by a changed
// configuration at either side, 408, 425, 429 and all of 5xx by themselves.
var refusingStatuses = []int{
	http.StatusBadRequest, http.StatusLengthRequired, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
	http.StatusUnprocessableEntity,
	http.StatusRequestHeaderFieldsTooLarge,
}

// validHeader reports whether a text may be the value of a header; the client would refuse it.
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

// Sign returns the signature of a message.
func Sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// unwrapURLError returns an error of the client without the address, which contains the query.
func unwrapURLError(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
