package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"vigil/api/problem"
	"vigil/internal/errcode"
)

// init makes huma's own errors Problems, too: it has only variables of the package for that. An array in an answer is
// never null, so that a program need not expect it.
func init() {
	huma.NewError = func(status int, detail string, errs ...error) huma.StatusError {
		return refused(status, detail, errs)
	}
	huma.DefaultArrayNullable = false
}

// refused is the Problem of a request that huma does not accept.
func refused(status int, detail string, errs []error) *problem.Problem {
	code := errcode.RequestInvalid
	switch {
	case status == http.StatusRequestEntityTooLarge:
		code = errcode.RequestTooLarge
	case status >= http.StatusInternalServerError:
		code, detail = errcode.ServerInternal, "the answer could not be made"
	}
	p := problem.New(status, code, detail)
	for _, err := range errs {
		f := problem.Field{Detail: "is not valid"}
		if d, ok := errors.AsType[*huma.ErrorDetail](err); ok {
			f = problem.Field{At: d.Location, Detail: d.Message}
		}
		p.Fields = append(p.Fields, f)
	}
	return p
}

// noCamera is the answer to a request for a camera that there is not, or that it may not see.
func noCamera(name string) *problem.Problem {
	return problemOf(fmt.Errorf("camera %q: %w", name, ErrNoCamera))
}

// problemOf is the answer to an error of the System. An error of no known kind is one of the store, which keeps what
// the request would have changed.
func problemOf(err error) *problem.Problem {
	status, code := http.StatusServiceUnavailable, errcode.StoreFailing
	switch {
	case errors.Is(err, ErrNoCamera), errors.Is(err, ErrNotFound),
		errcode.Of(err) == errcode.StoreNoAlert, errcode.Of(err) == errcode.CalibrationNone:
		status, code = http.StatusNotFound, errcode.RequestNotFound
	case errors.As(err, new(Invalid)):
		status, code = http.StatusUnprocessableEntity, errcode.RequestInvalid
	case errors.As(err, new(OfFile)):
		status, code = http.StatusConflict, errcode.CameraOfFile
	case errors.As(err, new(Stale)):
		status, code = http.StatusPreconditionFailed, errcode.CameraChanged
	}
	none, noPicture := errors.AsType[NoPicture](err)
	if noPicture {
		status, code = http.StatusConflict, errcode.CameraNoSnapshot
	}
	p := problem.New(status, errcode.Of(code.Default(err)), strings.ToValidUTF8(err.Error(), "?"))
	if noPicture && !none.Since.IsZero() {
		since := none.Since.UTC()
		p.Since = &since
	}
	return p
}
