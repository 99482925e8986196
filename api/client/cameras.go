package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"vigil/api"
)

// pageSize is how many elements are asked for at once, and maxPages how often at most.
const (
	pageSize = 1000
	maxPages = 1000
)

// Status returns the state of everything.
func (c *Client) Status(ctx context.Context) (s api.Status, err error) {
	return s, c.ask(ctx, request{method: http.MethodGet, path: "/status"}, &s)
}

// Cameras returns the state of the cameras that may be seen, by name.
func (c *Client) Cameras(ctx context.Context) (all api.CameraList, err error) {
	all.Cameras = []api.Camera{}
	err = pages(func(cursor string) (next string, err error) {
		var page api.CameraList
		err = c.ask(ctx, request{method: http.MethodGet, path: "/cameras?" + pageQuery(cursor, pageSize).Encode()},
			&page)
		all.Cameras = append(all.Cameras, page.Cameras...)
		return page.Next, err
	})
	return all, err
}

// pages calls get for page after page, until one has no next.
func pages(get func(cursor string) (next string, err error)) error {
	cursor := ""
	for range maxPages {
		next, err := get(cursor)
		if err != nil || next == "" || next == cursor {
			return err
		}
		cursor = next
	}
	return errTooLong
}

func pageQuery(cursor string, limit int) url.Values {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return q
}

// Camera returns the state of a camera, with its latest changes.
func (c *Client) Camera(ctx context.Context, name string) (one api.Camera, err error) {
	return one, c.ask(ctx, request{method: http.MethodGet, path: cameraPath(name)}, &one)
}

// Switch changes a camera's switches and returns the camera.
func (c *Client) Switch(ctx context.Context, name string, change api.SwitchRequest) (one api.Camera, err error) {
	return one, c.ask(ctx, request{
		method: http.MethodPost, path: cameraPath(name) + "/switches", body: change,
	}, &one)
}

// AddCamera adds a camera; with check it only says what would happen.
func (c *Client) AddCamera(ctx context.Context, settings json.RawMessage, check bool) (done api.Edited, err error) {
	return done, c.ask(ctx, request{
		method: http.MethodPost, path: "/cameras" + checkQuery(check), body: settings,
	}, &done)
}

// ChangeCamera replaces the settings of a camera at a revision.
func (c *Client) ChangeCamera(ctx context.Context, name string, settings json.RawMessage, revision uint64, check bool) (
	done api.Edited, err error,
) {
	return done, c.ask(ctx, request{
		method: http.MethodPut, path: cameraPath(name) + checkQuery(check), body: settings,
		match: strconv.Quote(strconv.FormatUint(revision, 10)),
	}, &done)
}

// RemoveCamera removes a camera at any revision.
func (c *Client) RemoveCamera(ctx context.Context, name string, check bool) (done api.Edited, err error) {
	return done, c.ask(ctx, request{
		method: http.MethodDelete, path: cameraPath(name) + checkQuery(check), match: "*",
	}, &done)
}

func cameraPath(name string) string { return "/cameras/" + url.PathEscape(name) }

func checkQuery(check bool) string {
	if check {
		return "?check=1"
	}
	return ""
}
