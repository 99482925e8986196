package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"vigil/api/access"
	"vigil/api/problem"
	"vigil/internal/errcode"
)

// Settings are a camera as an element of cameras in the configuration.
type Settings json.RawMessage

// MarshalJSON implements json.Marshaler.
func (s Settings) MarshalJSON() ([]byte, error) { return json.RawMessage(s).MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (s *Settings) UnmarshalJSON(text []byte) error { return (*json.RawMessage)(s).UnmarshalJSON(text) }

// Schema implements huma.SchemaProvider.
func (Settings) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true,
		Description: "A camera as an element of cameras in the configuration, which 'vigil config schema' describes; " +
			"an unknown key is an error. A source that is as it is shown, with *** in place of its password, keeps " +
			"the stored one.",
		Properties: map[string]*huma.Schema{
			"name": {Type: huma.TypeString, Description: "The camera's name."},
			"source": {
				Type:        huma.TypeString,
				Description: "Where its video comes from, such as a URL. It is never shown whole.",
			},
		},
	}
}

type cameraInput struct {
	Name string `path:"name" maxLength:"64" doc:"The camera's name"`
}

type cameraOutput struct {
	ETag string `header:"ETag" doc:"The revision of a camera that was made at run time, for If-Match"`
	Body Camera
}

type addInput struct {
	Check bool `query:"check" doc:"Only check, and say what would happen"`
	Body  Settings
}

type changeInput struct {
	Name    string `path:"name" maxLength:"64" doc:"The camera's name"`
	Check   bool   `query:"check" doc:"Only check, and say what would happen"`
	IfMatch string `header:"If-Match" maxLength:"40" doc:"The ETag of the camera that is changed, or *; required"`
	Body    Settings
}

type removeInput struct {
	Name    string `path:"name" maxLength:"64" doc:"The camera's name"`
	Check   bool   `query:"check" doc:"Only check, and say what would happen"`
	IfMatch string `header:"If-Match" maxLength:"40" doc:"The ETag of the camera that is removed, or *; required"`
}

type switchInput struct {
	Name string `path:"name" maxLength:"64" doc:"The camera's name"`
	Body SwitchRequest
}

type editedOutput struct {
	Status   int
	ETag     string `header:"ETag" doc:"The camera's new revision"`
	Location string `header:"Location" doc:"The path of a new camera"`
	Body     Edited
}

func (s *server) showCamera(ctx context.Context, in *cameraInput) (*cameraOutput, error) {
	c, err := s.Camera(ctx, in.Name)
	if err != nil {
		return nil, problemOf(err)
	}
	return &cameraOutput{etag(c.Revision), shown(ctx, c)}, nil
}

func (s *server) addCamera(ctx context.Context, in *addInput) (*editedOutput, error) {
	var named struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(in.Body, &named); err != nil || named.Name == "" {
		return nil, refused(http.StatusUnprocessableEntity, "the camera has no name",
			[]error{&huma.ErrorDetail{Location: "body.name", Message: "must be a text"}})
	}
	done, err := s.PutCamera(ctx, named.Name, by(ctx, Edit{Settings: in.Body, Check: in.Check}))
	if err != nil {
		p := problemOf(err)
		if p.Status == http.StatusPreconditionFailed { // nothing was said of a revision: it exists
			p.Status = http.StatusConflict
		}
		return nil, p
	}
	out := &editedOutput{Status: http.StatusCreated, ETag: etag(done.Revision), Body: done}
	if out.Location = camerasPath + "/" + url.PathEscape(done.Name); in.Check {
		out.Status, out.Location = http.StatusOK, ""
	}
	return out, nil
}

func (s *server) changeCamera(ctx context.Context, in *changeInput) (*editedOutput, error) {
	return s.edit(ctx, in.Name, in.IfMatch, s.PutCamera, Edit{Settings: in.Body, Check: in.Check})
}

func (s *server) removeCamera(ctx context.Context, in *removeInput) (*editedOutput, error) {
	return s.edit(ctx, in.Name, in.IfMatch, s.RemoveCamera, Edit{Check: in.Check})
}

func (s *server) edit(ctx context.Context, name, match string,
	change func(context.Context, string, Edit) (Edited, error), e Edit,
) (*editedOutput, error) {
	var err error
	// A camera that is also in the file is found as that one. The one made at run time can be removed all the same.
	if removes := e.Settings == nil; !removes || match != "*" {
		if e.Revision, err = s.revision(ctx, name, match); err != nil {
			return nil, err
		}
	}
	done, err := change(ctx, name, by(ctx, e))
	if err != nil {
		return nil, problemOf(err)
	}
	return &editedOutput{Status: http.StatusOK, ETag: etag(done.Revision), Body: done}, nil
}

// by adds to a change who makes it.
func by(ctx context.Context, e Edit) Edit {
	who := access.FromContext(ctx)
	e.By, e.Local = who.String(), who.Kind == access.KindSocket
	return e
}

// revision is the one that If-Match names.
func (s *server) revision(ctx context.Context, name, match string) (uint64, error) {
	if match != "" && match != "*" {
		tag, quoted := strings.CutPrefix(strings.TrimSuffix(match, `"`), `"`)
		if n, err := strconv.ParseUint(tag, 10, 64); err == nil && n > 0 && quoted && match == etag(n) {
			return n, nil
		}
		return 0, problem.New(http.StatusPreconditionFailed, errcode.CameraChanged,
			"If-Match is not an ETag of camera "+name)
	}
	c, err := s.Camera(ctx, name)
	switch {
	case err != nil:
		return 0, problemOf(err)
	case c.Origin == OriginFile:
		return 0, problem.New(http.StatusConflict, errcode.CameraOfFile, "camera "+name+
			" is one of the configuration file: change it there")
	case c.Origin != OriginRuntime: // only switches are stored under its name
		return 0, noCamera(name)
	case match == "":
		return 0, problem.New(http.StatusPreconditionRequired, errcode.RequestNoMatch,
			"If-Match is missing: must be the ETag of camera "+name)
	}
	return c.Revision, nil
}

func (s *server) switchCamera(ctx context.Context, in *switchInput) (*cameraOutput, error) {
	change, err := in.Body.SwitchChange(time.Now())
	if err != nil {
		return nil, problemOf(Invalid{Err: err})
	}
	c, err := s.Switch(ctx, in.Name, change, access.FromContext(ctx).String())
	if err != nil {
		return nil, problemOf(err)
	}
	return &cameraOutput{etag(c.Revision), shown(ctx, c)}, nil
}

// etag is the ETag of a revision; "" for none.
func etag(revision uint64) string {
	if revision == 0 {
		return ""
	}
	return `"` + strconv.FormatUint(revision, 10) + `"`
}
