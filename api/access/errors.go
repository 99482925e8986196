package access

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"vigil/internal/errcode"
)

// The errors of requests.
var (
	ErrLogin  = errcode.AccessLogin.New("this needs a login")
	ErrDenied = errcode.AccessDenied.New("this login may not do that")
	// ErrWrong does not tell a wrong password from an unknown user.
	ErrWrong = errcode.AccessWrongLogin.New("the login is wrong, has expired or was removed")

	errNoCamera = errcode.CameraUnknown.New("there is no such camera")
	errHost     = errcode.AccessOrigin.New("this address answers only to 127.0.0.1, ::1 and localhost")
	errOrigin   = errcode.AccessOrigin.New("a page of another site asked for this")
	errBusy     = errcode.AccessLimited.New("too many logins at once; try again")
)

// limited is the error of a login that came too soon after others.
type limited struct{ wait time.Duration }

func (l limited) Error() string {
	return "too many wrong logins; try again in " + strconv.Itoa(l.seconds()) + " s"
}

// ErrorCode returns its code in the catalogue.
func (l limited) ErrorCode() errcode.Code { return errcode.AccessLimited }

func (l limited) seconds() int { return int((l.wait + time.Second - 1) / time.Second) }

// Status returns the HTTP status of an error of this package; 503 for any other.
func Status(err error) int {
	switch {
	case errors.Is(err, ErrLogin), errors.Is(err, ErrWrong):
		return http.StatusUnauthorized
	case errors.Is(err, ErrDenied), errors.Is(err, errOrigin):
		return http.StatusForbidden
	case errors.Is(err, errNoCamera):
		return http.StatusNotFound
	case errors.Is(err, errHost):
		return http.StatusMisdirectedRequest
	case errors.Is(err, errBusy), errors.As(err, new(limited)):
		return http.StatusTooManyRequests
	case errors.As(err, new(badRequest)):
		return http.StatusBadRequest
	}
	return http.StatusServiceUnavailable
}

// badRequest is the error of a request that cannot be read.
type badRequest struct{ err error }

func (b badRequest) Error() string { return b.err.Error() }
func (b badRequest) Unwrap() error { return b.err }

// Problem is the answer to a request that failed (RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code,omitempty"`
}

// refuse answers with a problem.
func refuse(w http.ResponseWriter, err error) {
	status := Status(err)
	h := w.Header()
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="vigil"`)
	case http.StatusTooManyRequests:
		wait := 1
		if l, ok := errors.AsType[limited](err); ok {
			wait = l.seconds()
		}
		h.Set("Retry-After", strconv.Itoa(wait))
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	p := Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: err.Error(),
		Code: string(errcode.Of(err)),
	}
	_ = json.NewEncoder(w).Encode(p) // the other side has left if it fails
}
