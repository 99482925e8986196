package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
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
	eventsPath = root + "/events"
	// streamRetry is how long a client waits before it connects again.
	streamRetry = 2 * time.Second
	// busyRetry is how long one waits that was refused for the number of streams.
	busyRetry = 10 * time.Second
)

// Live is what happens in a System at this moment.
type Live interface {
	// Hub receives the scores and states.
	Hub() *Hub
	// States returns the present state of every camera.
	States(ctx context.Context) []StateEvent
	// AlertPosition returns the position behind the message that was stored last.
	AlertPosition(ctx context.Context) (AlertPosition, error)
	// FollowAlerts calls each for every message of an alert that is stored behind a position, in order and once, also
	// those to come. It returns nil when ctx ends, or the error that each returned.
	FollowAlerts(ctx context.Context, after AlertPosition, each func(AlertMessage) error) error
}

// AlertPosition is a position in the stored messages of alerts.
type AlertPosition struct {
	Store time.Time // when the store was created: numbers begin again in another one
	Seq   uint64    // number of the message before
}

// AlertMessage is a stored message of an alert.
type AlertMessage struct {
	Camera   string
	Data     AlertData
	Position AlertPosition // behind the message
}

// String returns the position as the id of an event.
func (p AlertPosition) String() string {
	return strconv.FormatInt(p.Store.UnixNano(), 36) + "-" + strconv.FormatUint(p.Seq, 10)
}

// idPattern is the pattern of the ids of events.
const idPattern = "^[0-9a-z]{1,13}-[0-9]{1,20}$"

func parsePosition(id string) (p AlertPosition, err error) {
	store, seq, _ := strings.Cut(id, "-")
	at, err := strconv.ParseInt(store, 36, 64)
	if err == nil {
		p.Seq, err = strconv.ParseUint(seq, 10, 64)
	}
	if err != nil {
		return p, problem.New(http.StatusUnprocessableEntity, errcode.RequestInvalid,
			"header.Last-Event-ID is not the id of an event")
	}
	p.Store = time.Unix(0, at)
	return p, nil
}

type eventsInput struct {
	request
	Camera []string    `query:"camera" maxItems:"1000" doc:"Only these cameras, separated by commas"`
	Kind   []EventKind `query:"kind" maxItems:"3" enum:"score,state,alert" doc:"Only these kinds, separated by commas"`
	LastID string      `header:"Last-Event-ID" pattern:"^[0-9a-z]{1,13}-[0-9]{1,20}$" doc:"The latest id: alerts since come first"`
}

func (s *server) addEvents(to huma.API) {
	op := route(http.MethodGet, eventsPath, access.ViewSome, "stream-events", "Receive scores, states and alerts live")
	op.Description = fmt.Sprintf("Server-sent events. The stream begins with the present state of each camera. Alerts "+
		"have an id: a client that connects again with it as Last-Event-ID gets every alert stored since, as long "+
		"as it is kept; without one it gets those to come. Scores and states have none. The same alert comes several "+
		"times, as it goes on; alert_id and seq tell its messages apart. A client that is too slow is disconnected. "+
		"There may be %d streams, and %d of one login, or of one address without a login.", maxStreams,
		maxStreamsOfLogin)
	op.Responses = responses(to, map[string]*huma.Response{"200": {
		Description: "The events",
		Content: map[string]*huma.MediaType{
			"text/event-stream": {Schema: eventsSchema(to.OpenAPI().Components.Schemas)},
		},
	}})
	huma.Register(to, op, s.streamEvents)
}

// eventsSchema describes the events as an array, since OpenAPI 3.1 has no words for a stream.
func eventsSchema(r huma.Registry) *huma.Schema {
	kinds := map[EventKind]reflect.Type{
		EventScore: reflect.TypeFor[ScoreEvent](), EventState: reflect.TypeFor[StateEvent](),
		EventAlert: reflect.TypeFor[AlertData](),
	}
	items := &huma.Schema{}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		one := &huma.Schema{
			Type: huma.TypeObject, Required: []string{"event", "data"}, Properties: map[string]*huma.Schema{
				"event": {Type: huma.TypeString, Enum: []any{string(kind)}},
				"data":  r.Schema(kinds[kind], true, ""),
			},
		}
		if kind == EventAlert {
			one.Required = append(one.Required, "id")
			one.Properties["id"] = &huma.Schema{Type: huma.TypeString, Pattern: idPattern}
		}
		items.OneOf = append(items.OneOf, one)
	}
	return &huma.Schema{
		Type: huma.TypeArray, Items: items, Description: "The events of the stream, one after the other.",
	}
}

func (s *server) streamEvents(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	for _, camera := range in.Camera {
		if err := alerts.ValidCamera(camera); err != nil {
			return nil, problem.New(http.StatusUnprocessableEntity, errcode.RequestInvalid, "camera: "+err.Error())
		}
		if !may(ctx, access.RoleView, camera) {
			return nil, noCamera(camera)
		}
	}
	kinds := in.Kind
	if len(kinds) == 0 {
		kinds = []EventKind{EventScore, EventState, EventAlert}
	}
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	after, err := s.startPosition(ctx, in.LastID)
	if err != nil {
		return nil, err
	}
	who := access.FromContext(ctx)
	sees := func(camera string) bool {
		return who.May(access.RoleView, camera) && (len(in.Camera) == 0 || slices.Contains(in.Camera, camera))
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		r, w := humago.Unwrap(c)
		setStreamHeaders(w.Header())
		if r.Method == http.MethodHead {
			return
		}
		sub, err := s.Hub().subscribe(access.Client(r), kinds, sees)
		if err != nil {
			refuseStream(w, err)
			return
		}
		defer sub.close()
		newEventStream(s, sub, w).run(r.Context(), after)
	}}, nil
}

// startPosition returns where the alerts of a stream begin.
func (s *server) startPosition(ctx context.Context, lastID string) (AlertPosition, error) {
	if lastID != "" {
		return parsePosition(lastID)
	}
	at, err := s.AlertPosition(ctx)
	if err != nil {
		return at, problemOf(err)
	}
	return at, nil
}

func setStreamHeaders(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // for proxies that would collect events
}

func refuseStream(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	if errors.Is(err, errManyOfLogin) {
		status = http.StatusTooManyRequests
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(busyRetry.Seconds())))
	problem.New(status, errcode.ServerBusy, err.Error()).Write(w)
}
