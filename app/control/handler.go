package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"vigil/alerts"
	"vigil/internal/errcode"
)

const (
	// maxRequest bounds the body of a request, and maxCamera that of a camera's settings.
	maxRequest = 4 << 10
	maxCamera  = 64 << 10
)

// Handler serves a system. by is what changes are recorded as, such as cli.
//
//	GET  /v1/status                   Status
//	GET  /v1/cameras                  Cameras
//	GET  /v1/cameras/{name}           Camera
//	POST /v1/cameras/{name}/switches  ChangeRequest, answered by Camera
//	PUT, DELETE /v1/cameras/{name}    a camera's settings, or none, answered by Edited
//
// PUT and DELETE change nothing with ?check=1; their If-Match has the revision that is replaced. Failures are answered
// by a Failure: 400 for what is not valid, 404 for an unknown camera, 409 for one of the configuration file, 412 for
// another revision, 503 for a change that could not be stored.
func Handler(system System, by string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, system.Status(r.Context()))
	})
	mux.HandleFunc("GET /v1/cameras", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, Cameras{system.Status(r.Context()).Cameras})
	})
	mux.HandleFunc("GET /v1/cameras/{name}", func(w http.ResponseWriter, r *http.Request) {
		c, err := system.Camera(r.Context(), r.PathValue("name"))
		if err != nil {
			refuse(w, err)
			return
		}
		reply(w, http.StatusOK, c)
	})
	mux.HandleFunc("POST /v1/cameras/{name}/switches", func(w http.ResponseWriter, r *http.Request) {
		change, err := readChange(w, r, time.Now())
		if err != nil {
			refuse(w, Invalid{err})
			return
		}
		c, err := system.Switch(r.Context(), r.PathValue("name"), change, by)
		if err != nil {
			refuse(w, err)
			return
		}
		reply(w, http.StatusOK, c)
	})
	mux.HandleFunc("PUT /v1/cameras/{name}", editor(system.PutCamera, by))
	mux.HandleFunc("DELETE /v1/cameras/{name}", editor(system.RemoveCamera, by))
	return mux
}

// editor serves a change of a camera.
func editor(edit func(context.Context, string, Edit) (Edited, error), by string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e, err := readEdit(w, r)
		if err != nil {
			refuse(w, Invalid{err})
			return
		}
		e.By = by
		edited, err := edit(r.Context(), r.PathValue("name"), e)
		if err != nil {
			refuse(w, err)
			return
		}
		if edited.Revision > 0 {
			w.Header().Set("ETag", etag(edited.Revision))
		}
		reply(w, http.StatusOK, edited)
	}
}

func readEdit(w http.ResponseWriter, r *http.Request) (e Edit, err error) {
	switch check := r.URL.Query().Get("check"); check {
	case "1":
		e.Check = true
	case "", "0":
	default:
		return e, fmt.Errorf("check is %q: must be 0 or 1", check)
	}
	if match := r.Header.Get("If-Match"); match != "" {
		e.Revision, err = strconv.ParseUint(strings.Trim(match, `"`), 10, 64)
		if err != nil || e.Revision == 0 {
			return e, fmt.Errorf("If-Match is %q: must be a revision", match)
		}
	}
	e.Settings, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxCamera))
	if err != nil {
		return e, fmt.Errorf("the request is not valid: %w", err)
	}
	return e, nil
}

func etag(revision uint64) string { return fmt.Sprintf("%q", strconv.FormatUint(revision, 10)) }

func readChange(w http.ResponseWriter, r *http.Request, now time.Time) (alerts.SwitchChange, error) {
	var in ChangeRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return alerts.SwitchChange{}, fmt.Errorf("the request is not valid: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return alerts.SwitchChange{}, errors.New("the request is not valid: something follows the object")
	}
	return in.SwitchChange(now)
}

// SwitchChange returns the change that is asked for at a time.
func (in ChangeRequest) SwitchChange(now time.Time) (alerts.SwitchChange, error) {
	change := alerts.SwitchChange{Action: in.Action}
	switch {
	case in.Until != nil && in.For != "":
		return change, errors.New("give either until or for, not both")
	case in.Until != nil && in.Until.IsZero():
		return change, errors.New("until is the year 1: must be in the future")
	case in.Until != nil:
		change.Until = *in.Until
	case in.For != "":
		d, err := ParseFor(in.For)
		if err != nil {
			return change, err
		}
		change.Until = now.Add(d)
	}
	return change, nil
}

// ParseFor reads the length of a pause or a snooze.
func ParseFor(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > alerts.MaxSwitch {
		return 0, fmt.Errorf("for is %q: must be a time such as 90s, 30m or 2h, from 1s to %dh", text,
			alerts.MaxSwitch/time.Hour)
	}
	return d, nil
}

func refuse(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, ErrNoCamera):
		status = http.StatusNotFound
	case errors.As(err, new(Invalid)):
		status = http.StatusBadRequest
	case errors.As(err, new(OfFile)):
		status = http.StatusConflict
	case errors.As(err, new(Stale)):
		status = http.StatusPreconditionFailed
	}
	reply(w, status, Failure{err.Error(), string(errcode.Of(err))})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the other side has left if it fails
}
