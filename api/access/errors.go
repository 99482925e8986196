package access

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"

	"vigil/api/problem"
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
	return "too many logins; try again in " + strconv.Itoa(l.seconds()) + " s"
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
	}
	return http.StatusServiceUnavailable
}

// Problem returns the answer to a request that was refused, and its headers.
func Problem(err error) (*problem.Problem, http.Header) {
	h := http.Header{}
	status := Status(err)
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
	return problem.New(status, errcode.Of(err), err.Error()), h
}

// refuse answers with a problem.
func (g *Guard) refuse(w http.ResponseWriter, err error) {
	g.refused.add(err)
	p, h := Problem(err)
	maps.Copy(w.Header(), h)
	p.Write(w)
}
