package api

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"vigil/api/access"
)

// Snapshots are the pictures of the cameras of a System.
type Snapshots interface {
	// Snapshot returns the latest picture of a camera, or with heatmap the picture of its latest scored clip with the
	// error map over it. Its errors are ErrNoCamera, or a NoPicture.
	Snapshot(ctx context.Context, camera string, heatmap bool) (Snapshot, error)
}

// Snapshot is a picture of a camera.
type Snapshot struct {
	JPEG   []byte // shared; it must not be changed
	SHA256 string // of JPEG, in hexadecimal
	// Taken is when the picture arrived.
	Taken time.Time
}

// NoPicture is the error of a camera that gives no picture now. Err has a code.
type NoPicture struct {
	Err error
	// Since is since when there is none; zero if that is unknown.
	Since time.Time
}

func (e NoPicture) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e NoPicture) Unwrap() error { return e.Err }

// takenHeader is the header with Snapshot.Taken. Last-Modified has the same time, in whole seconds.
const takenHeader = "Picture-Taken"

type snapshotInput struct {
	Name    string `path:"name" maxLength:"64" doc:"The camera's name"`
	Heatmap bool   `query:"heatmap" doc:"Draw the error map of the latest scored clip over the picture of that clip"`
}

func (s *server) addSnapshots(to huma.API) {
	get := route(http.MethodGet, cameraPath+"/snapshot", access.ViewCamera("name"), "show-snapshot",
		"Show what a camera sees")
	get.Description = "The latest picture that the camera has sent, as JPEG, a new one a few times a second; what " +
		"the key mask covers is black. Red in a heat map is relative to the highest error of the clip, so there is " +
		"red also where everything is normal; boxes are hot regions of a clip that is not. A camera that gives no " +
		"picture now, such as one that is paused, is a Problem with the status 409 that says why and since when."
	text := func(format, about string) *huma.Param {
		return &huma.Param{
			Description: about, Schema: &huma.Schema{Type: huma.TypeString, Format: format},
		}
	}
	get.Responses = responses(to, map[string]*huma.Response{"200": {
		Description: "The picture", Content: map[string]*huma.MediaType{"image/jpeg": {}},
		Headers: map[string]*huma.Param{
			takenHeader:     text("date-time", "When the picture arrived"),
			"Last-Modified": text("", "The same in whole seconds, as an HTTP date"),
			"ETag":          text("", "Of this picture, for If-None-Match"),
		},
	}})
	huma.Register(to, get, s.showSnapshot)
}

func (s *server) showSnapshot(ctx context.Context, in *snapshotInput) (*huma.StreamResponse, error) {
	p, err := s.Snapshot(ctx, in.Name, in.Heatmap)
	if err != nil {
		failed := problemOf(err)
		if !may(ctx, access.RoleOperate, in.Name) {
			failed.Detail = withoutPaths(failed.Detail)
		}
		return nil, failed
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		r, w := humago.Unwrap(c)
		h := w.Header()
		h.Set("Content-Type", "image/jpeg")
		h.Set("ETag", strconv.Quote(p.SHA256))
		h.Set(takenHeader, p.Taken.UTC().Format(time.RFC3339Nano))
		h.Set("Last-Modified", p.Taken.UTC().Format(http.TimeFormat))
		// Without a time, so that If-Modified-Since, which has whole seconds, is not decisive.
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.JPEG))
	}}, nil
}
