package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"vigil/app/control"
	"vigil/internal/errcode"
)

// problemType is the media type of a Problem.
const problemType = "application/problem+json"

// Problem is the answer to a request that failed: problem details of RFC 9457, with a code of the catalogue of errors.
type Problem struct {
	// Type refers to the code's entry in the catalogue.
	Type string `json:"type"`
	// Title is the entry's.
	Title string `json:"title"`
	// Status is the status of the answer.
	Status int `json:"status"`
	// Detail says what is wrong with this request.
	Detail string `json:"detail"`
	// Code is the code in the catalogue, such as camera.unknown. It never changes.
	Code string `json:"code"`
	// Remedy says what to do, as the catalogue has it.
	Remedy string `json:"remedy"`
	// Fields are the parts of the request that are not valid.
	Fields []FieldProblem `json:"fields,omitempty"`
}

// FieldProblem says what is wrong with a part of a request. It does not repeat the value, which may be a password.
type FieldProblem struct {
	// At is where it is, such as query.limit or body.action.
	At string `json:"at"`
	// Detail says what is wrong.
	Detail string `json:"detail"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

// init makes huma's own errors Problems, too: it has only variables of the package for that. An array in an answer is
// never null, so that a program need not expect it.
func init() {
	huma.NewError = func(status int, detail string, errs ...error) huma.StatusError {
		return refused(status, detail, errs)
	}
	huma.DefaultArrayNullable = false
}

// refused is the Problem of a request that huma does not accept.
func refused(status int, detail string, errs []error) *Problem {
	code := errcode.RequestInvalid
	switch {
	case status == http.StatusRequestEntityTooLarge:
		code = errcode.RequestTooLarge
	case status >= http.StatusInternalServerError:
		code, detail = errcode.ServerInternal, "the answer could not be made"
	}
	p := newProblem(status, code, detail)
	for _, err := range errs {
		f := FieldProblem{Detail: "is not valid"}
		if d, ok := errors.AsType[*huma.ErrorDetail](err); ok {
			f = FieldProblem{At: d.Location, Detail: d.Message}
		}
		p.Fields = append(p.Fields, f)
	}
	return p
}

func newProblem(status int, code errcode.Code, detail string) *Problem {
	entry, _ := errcode.Find(code)
	return &Problem{
		Type: "/api/v1/errors/" + string(code), Title: entry.Title, Status: status, Detail: detail,
		Code: string(code), Remedy: entry.Remedy,
	}
}

// writeProblem answers outside of huma.
func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client has left if it fails
}

// problemOf is the answer to an error of the System. An error of no known kind is one of the store, which keeps what
// the request would have changed.
func problemOf(err error) *Problem {
	status, code := http.StatusServiceUnavailable, errcode.StoreFailing
	switch {
	case errors.Is(err, control.ErrNoCamera), errors.Is(err, ErrNotFound),
		errcode.Of(err) == errcode.StoreNoAlert:
		status, code = http.StatusNotFound, errcode.RequestNotFound
	case errors.As(err, new(control.Invalid)):
		status, code = http.StatusUnprocessableEntity, errcode.RequestInvalid
	case errors.As(err, new(control.OfFile)):
		status, code = http.StatusConflict, errcode.CameraOfFile
	case errors.As(err, new(control.Stale)):
		status, code = http.StatusPreconditionFailed, errcode.CameraChanged
	}
	return newProblem(status, errcode.Of(code.Default(err)), strings.ToValidUTF8(err.Error(), "?"))
}
