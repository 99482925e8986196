package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"vigil/alerts"
	"vigil/api/access"
	"vigil/api/problem"
	"vigil/internal/errcode"
)

const (
	alertsPath = root + "/alerts"
	alertPath  = alertsPath + "/{id}"
)

// Alerts are the stored alerts of a System. ErrNotFound, or an error with a code, is for an id without an alert.
type Alerts interface {
	// Alerts returns a part of the alerts by their start, the newest first, in their last message.
	Alerts(ctx context.Context, q AlertQuery) ([]StoredAlert, error)
	// Alert returns an alert with its evidence.
	Alert(ctx context.Context, id string) (StoredAlert, error)
	// Acknowledge records that by has seen an alert. normal means that what it reports is normal there.
	Acknowledge(ctx context.Context, id, by string, normal bool) (alerts.Ack, error)
	// Evidence returns the contents of a piece of evidence of an alert.
	Evidence(ctx context.Context, id string, e EvidenceFile) ([]byte, error)
}

// AlertQuery selects alerts. The zero value selects all.
type AlertQuery struct {
	Camera   string                   // only this camera
	Sees     func(camera string) bool // only cameras for which it returns true; nil for all
	From, To time.Time                // only alerts that began in this time, without To itself
	Since    time.Time                // only alerts with a message since then
	Before   AlertPlace               // only alerts behind this one in the list; the zero value for all
	Limit    int                      // only the first so many; 0 for all
}

// AlertPlace is where an alert is in the list: alerts of one start are sorted by their id.
type AlertPlace struct {
	Start time.Time
	ID    string
}

// StoredAlert is an alert with what is stored about it.
type StoredAlert struct {
	// Alert is the whole event as its last message has it.
	Alert AlertData `json:"alert"`
	// Messages are what was published of it, in order, as CloudEvents; only of a single alert.
	Messages []CloudEvent `json:"messages,omitempty"`
	// Evidence are the stored pictures and clips; only of a single alert.
	Evidence []EvidenceFile `json:"evidence,omitempty"`
	// Unreadable are the names of stored evidence that is damaged; only of a single alert.
	Unreadable []string `json:"unreadable,omitempty"`
	// Ack is the acknowledgement; absent if there is none.
	Ack *alerts.Ack `json:"ack,omitempty"`

	// Decoded is what Alert says.
	Decoded alerts.Alert `json:"-"`
}

// EvidenceFile is a stored picture or clip of an alert.
type EvidenceFile struct {
	// Path is where it can be read.
	Path string `json:"path"`
	// MediaType is the type of the contents, as image/jpeg or video/mp4.
	MediaType string `json:"media_type"`
	// Bytes is the size.
	Bytes uint64 `json:"bytes"`
	// SHA256 is the digest of the contents in hexadecimal.
	SHA256 string `json:"sha256"`
	// Bucket and Name are where NATS stores it.
	Bucket string `json:"bucket"`
	Name   string `json:"name"`
}

// CloudEvent is a message as it was published.
type CloudEvent json.RawMessage

// MarshalJSON implements json.Marshaler.
func (e CloudEvent) MarshalJSON() ([]byte, error) { return json.RawMessage(e).MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (e *CloudEvent) UnmarshalJSON(text []byte) error {
	return (*json.RawMessage)(e).UnmarshalJSON(text)
}

// Schema implements huma.SchemaProvider.
func (CloudEvent) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true,
		Description: "A CloudEvent 1.0 in structured JSON, whose data are an Alert.",
	}
}

// AlertData is an alert's data as it was published, also fields of later versions.
type AlertData json.RawMessage

// MarshalJSON implements json.Marshaler.
func (d AlertData) MarshalJSON() ([]byte, error) { return json.RawMessage(d).MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (d *AlertData) UnmarshalJSON(text []byte) error {
	return (*json.RawMessage)(d).UnmarshalJSON(text)
}

// Schema implements huma.SchemaProvider. A camera that cannot be trusted has no measurement.
func (AlertData) Schema(r huma.Registry) *huma.Schema {
	ref := r.Schema(reflect.TypeFor[alerts.Alert](), true, "Alert")
	s := r.SchemaFromRef(ref.Ref)
	for f := range reflect.TypeFor[alerts.Measurement]().Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		s.Required = slices.DeleteFunc(s.Required, func(name string) bool { return name == key })
	}
	return ref
}

// AlertList is a page of alerts, the newest first.
type AlertList struct {
	// Alerts are the alerts of this page.
	Alerts []StoredAlert `json:"alerts"`
	// Next is the cursor of the next page; absent at the end.
	Next string `json:"next,omitempty"`
}

// AckRequest acknowledges an alert.
type AckRequest struct {
	_ struct{} `json:"-" additionalProperties:"false"`
	// By is the person who has seen it; the login's name if it is absent.
	By string `json:"by,omitempty" minLength:"1" maxLength:"100"`
	// Normal marks the event as normal at that camera: its clip is stored for training.
	Normal bool `json:"normal,omitempty"`
}

func (s *server) addAlerts(to huma.API) {
	huma.Register(to, route(http.MethodGet, alertsPath, access.ViewSome, "list-alerts",
		"List the alerts, the newest first"),
		s.listAlerts)
	huma.Register(to, route(http.MethodGet, alertPath, access.ViewSome, "show-alert", "Show an alert"), s.showAlert)
	huma.Register(to, route(http.MethodPost, alertPath+"/ack", access.OperateSome, "acknowledge-alert",
		"Acknowledge an alert"),
		s.acknowledge)
	read := route(http.MethodGet, alertPath+"/evidence/{file}", access.ViewSome, "read-evidence",
		"Read a picture or a clip")
	read.Description = "The path is that of the alert's evidence. A Range is answered with that part."
	read.Responses = responses(to, map[string]*huma.Response{"200": {
		Description: "The contents", Content: map[string]*huma.MediaType{
			"image/jpeg": {}, "video/mp4": {},
			"video/x-matroska": {},
		},
	}})
	huma.Register(to, read, s.readEvidence)
}

type alertsInput struct {
	Camera string    `query:"camera" maxLength:"64" doc:"Only this camera"`
	From   time.Time `query:"from" doc:"Only alerts that began then or later"`
	To     time.Time `query:"to" doc:"Only alerts that began before"`
	Since  time.Time `query:"since" doc:"Only alerts of which something was reported then or later"`
	Limit  int       `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many elements a page has"`
	Cursor string    `query:"cursor" maxLength:"400" doc:"The next of the page before"`
}

type alertsOutput struct{ Body AlertList }

type alertInput struct {
	ID string `path:"id" pattern:"^[0-7][0-9A-HJKMNP-TV-Z]{25}$" doc:"The alert's id"`
}

type alertOutput struct{ Body StoredAlert }

type ackInput struct {
	ID   string `path:"id" pattern:"^[0-7][0-9A-HJKMNP-TV-Z]{25}$" doc:"The alert's id"`
	Body AckRequest
}

type ackOutput struct{ Body alerts.Ack }

type evidenceInput struct {
	ID   string `path:"id" pattern:"^[0-7][0-9A-HJKMNP-TV-Z]{25}$" doc:"The alert's id"`
	File string `path:"file" maxLength:"100" doc:"The end of the evidence's path"`
}

func (s *server) listAlerts(ctx context.Context, in *alertsInput) (*alertsOutput, error) {
	before, err := placeOf(in.Cursor)
	if err != nil {
		return nil, err
	}
	if in.Camera != "" {
		if err := alerts.ValidCamera(in.Camera); err != nil {
			return nil, problem.New(http.StatusUnprocessableEntity, errcode.RequestInvalid, "camera: "+err.Error())
		}
		if !may(ctx, access.RoleView, in.Camera) {
			return nil, noCamera(in.Camera)
		}
	}
	page := AlertList{}
	page.Alerts, err = s.Alerts(ctx, AlertQuery{
		Camera: in.Camera, Sees: func(camera string) bool { return may(ctx, access.RoleView, camera) },
		From: in.From, To: in.To, Since: in.Since, Before: before,
		Limit: in.Limit + 1, // one more, to see whether there is a next page
	})
	if err != nil {
		return nil, problemOf(err)
	}
	if len(page.Alerts) > in.Limit {
		page.Alerts = page.Alerts[:in.Limit]
		last := page.Alerts[in.Limit-1].Decoded
		page.Next = cursorOf(last.Start.Wall.UTC().Format(time.RFC3339Nano) + " " + last.ID)
	}
	if page.Alerts == nil {
		page.Alerts = []StoredAlert{}
	}
	return &alertsOutput{page}, nil
}

// placeOf returns the place of the element that a cursor is behind; the zero value for none.
func placeOf(cursor string) (p AlertPlace, err error) {
	key, err := keyOf(cursor)
	if err != nil || key == "" {
		return p, err
	}
	at, id, _ := strings.Cut(key, " ")
	if p.Start, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return p, errCursor
	}
	p.ID = id
	return p, nil
}

// find returns an alert that the request may have. One of a camera that it may not see does not exist for it.
func (s *server) find(ctx context.Context, role access.Role, id string) (StoredAlert, error) {
	a, err := s.Alert(ctx, id)
	if err != nil {
		return a, problemOf(err)
	}
	camera := a.Decoded.Camera
	switch {
	case !may(ctx, access.RoleView, camera):
		return a, problemOf(fmt.Errorf("alert %s: %w", id, ErrNotFound))
	case !may(ctx, role, camera):
		return a, problem.New(http.StatusForbidden, errcode.AccessDenied, "camera "+camera+" may only be viewed")
	}
	for i, e := range a.Evidence {
		_, file, _ := strings.Cut(e.Name, "/")
		a.Evidence[i].Path = alertsPath + "/" + id + "/evidence/" + file
	}
	return a, nil
}

func (s *server) showAlert(ctx context.Context, in *alertInput) (*alertOutput, error) {
	a, err := s.find(ctx, access.RoleView, in.ID)
	if err != nil {
		return nil, err
	}
	return &alertOutput{a}, nil
}

func (s *server) acknowledge(ctx context.Context, in *ackInput) (*ackOutput, error) {
	if _, err := s.find(ctx, access.RoleOperate, in.ID); err != nil {
		return nil, err
	}
	who := access.FromContext(ctx)
	by := who.String()
	switch {
	case in.Body.By != "" && who.Kind == access.KindSocket:
		by = in.Body.By
	case in.Body.By != "":
		by = in.Body.By + " (" + by + ")" // a login does not act in the name of another one
	}
	if err := alerts.ValidBy(by); err != nil {
		return nil, refused(http.StatusUnprocessableEntity, "the name is not valid",
			[]error{&huma.ErrorDetail{Location: "body.by", Message: err.Error()}})
	}
	ack, err := s.Acknowledge(ctx, in.ID, by, in.Body.Normal)
	if err != nil {
		return nil, problemOf(err)
	}
	return &ackOutput{ack}, nil
}

// readEvidence serves a piece of evidence. The file is compared with the names of the alert's, and is never a path.
func (s *server) readEvidence(ctx context.Context, in *evidenceInput) (*huma.StreamResponse, error) {
	a, err := s.find(ctx, access.RoleView, in.ID)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(a.Evidence, func(e EvidenceFile) bool { return e.Name == in.ID+"/"+in.File })
	if i < 0 {
		return nil, problem.New(http.StatusNotFound, errcode.RequestNotFound, "alert "+in.ID+" has no such evidence")
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		r, w := humago.Unwrap(c)
		s.serveEvidence(w, r, in.ID, a.Evidence[i])
	}}, nil
}
