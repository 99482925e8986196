// Package problem is the answer to an HTTP request that failed: problem details of RFC 9457, with a code of the
// catalogue of errors.
package problem

import (
	"encoding/json"
	"net/http"
	"time"

	"vigil/internal/errcode"
)

// Type is the media type of a Problem.
const Type = "application/problem+json"

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
	// Since is when what is wrong began, such as since when a camera gives no picture; absent if it is unknown.
	Since *time.Time `json:"since,omitempty"`
	// Fields are the parts of the request that are not valid.
	Fields []Field `json:"fields,omitempty"`
}

// Field says what is wrong with a part of a request. It does not repeat the value, which may be a password.
type Field struct {
	// At is where it is, such as query.limit or body.action.
	At string `json:"at"`
	// Detail says what is wrong.
	Detail string `json:"detail"`
}

// New returns a Problem with the title and the remedy of a code.
func New(status int, code errcode.Code, detail string) *Problem {
	entry, _ := errcode.Find(code)
	return &Problem{
		Type: "/api/v1/errors/" + string(code), Title: entry.Title, Status: status, Detail: detail,
		Code: string(code), Remedy: entry.Remedy,
	}
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// ErrorCode returns its code in the catalogue.
func (p *Problem) ErrorCode() errcode.Code { return errcode.Code(p.Code) }

// GetStatus returns the status of the answer.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of the answer.
func (p *Problem) ContentType(string) string { return Type }

// Write answers with the Problem.
func (p *Problem) Write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", Type)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client has left if it fails
}
