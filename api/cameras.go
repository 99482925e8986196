package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"vigil/api/access"
)

const (
	camerasPath = root + "/cameras"
	cameraPath  = camerasPath + "/{name}"
	// maxSettings bounds a camera's settings in bytes, which may have masks and zones, and maxRequest all other bodies.
	maxSettings = 64 << 10
	maxRequest  = 4 << 10
)

// CameraList is a page of cameras, by name.
type CameraList struct {
	// Cameras are the cameras of this page.
	Cameras []Camera `json:"cameras"`
	// Next is the cursor of the next page; absent at the end.
	Next string `json:"next,omitempty"`
}

func (s *server) addCameras(to huma.API) {
	status := route(http.MethodGet, root+"/status", access.View, "show-status", "Show the state of everything")
	status.Description = "For logins that may view all cameras."
	huma.Register(to, status, s.showStatus)
	huma.Register(to, route(http.MethodGet, camerasPath, access.ViewSome, "list-cameras", "List the cameras"),
		s.listCameras)
	huma.Register(to, route(http.MethodGet, cameraPath, access.ViewCamera("name"), "show-camera", "Show a camera"),
		s.showCamera)
	add := route(http.MethodPost, camerasPath, access.Operate, "add-camera", "Add a camera")
	add.Description = "Of all cameras only: a login that is limited to some cannot add one."
	add.MaxBodyBytes, add.DefaultStatus = maxSettings, http.StatusCreated
	add.Responses = responses(to, map[string]*huma.Response{"200": {
		Description: "What would happen, with check", Content: map[string]*huma.MediaType{"application/json": {
			Schema: schemaOf[Edited](to),
		}},
	}})
	huma.Register(to, add, s.addCamera)
	set := route(http.MethodPut, cameraPath, access.Operate, "change-camera",
		"Replace the settings of a camera")
	set.MaxBodyBytes = maxSettings
	huma.Register(to, set, s.changeCamera)
	huma.Register(to, route(http.MethodDelete, cameraPath, access.Operate, "remove-camera",
		"Remove a camera"), s.removeCamera)
	huma.Register(to, route(http.MethodPost, cameraPath+"/switches", access.OperateCamera("name"), "switch-camera",
		"Pause, resume or snooze a camera, or switch its detection"), s.switchCamera)
}

type statusOutput struct{ Body Status }

// showStatus leaves out what is wrong with the configuration file for logins that may only view: it may quote the file.
func (s *server) showStatus(ctx context.Context, _ *struct{}) (*statusOutput, error) {
	status := s.Status(ctx)
	for i, c := range status.Cameras {
		status.Cameras[i] = shown(ctx, c)
	}
	if status.Config != nil && !mayAll(ctx, access.RoleOperate) {
		shown := *status.Config
		shown.Error = ""
		status.Config = &shown
	}
	return &statusOutput{status}, nil
}

type listInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many elements a page has"`
	Cursor string `query:"cursor" maxLength:"400" doc:"The next of the page before"`
}

type camerasOutput struct{ Body CameraList }

func (s *server) listCameras(ctx context.Context, in *listInput) (*camerasOutput, error) {
	after, err := keyOf(in.Cursor)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(s.Status(ctx).Cameras, func(c Camera) bool {
		return !may(ctx, access.RoleView, c.Name) || in.Cursor != "" && c.Name <= after
	})
	// The sort is stable: of two cameras of one name, the one that is monitored stays the first.
	slices.SortStableFunc(all, func(a, b Camera) int { return strings.Compare(a.Name, b.Name) })
	for i, c := range all {
		all[i] = shown(ctx, c)
	}
	page := CameraList{Cameras: all}
	if end := in.Limit; end < len(all) {
		for end < len(all) && all[end].Name == all[end-1].Name {
			end++
		}
		page.Cameras, page.Next = all[:end], cursorOf(all[end-1].Name)
		if end == len(all) {
			page.Next = ""
		}
	}
	return &camerasOutput{page}, nil
}
