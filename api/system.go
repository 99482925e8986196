package api

import (
	"context"

	"vigil/alerts"
	"vigil/internal/errcode"
)

// System is what is served.
type System interface {
	Cameras
	Alerts
	Live
	Snapshots
	Calibrations
	Reporter
	// OpenAddress returns an address at which a browser is logged in once.
	OpenAddress(ctx context.Context) (OneTimeAddress, error)
}

// Cameras are the cameras of a System.
type Cameras interface {
	// Status returns the state of everything.
	Status(ctx context.Context) Status
	// Camera returns a camera with its latest changes; ErrNoCamera if there is none of that name.
	Camera(ctx context.Context, name string) (Camera, error)
	// Switch changes a camera's switches for by, and returns the camera. Its errors are ErrNoCamera, an
	// Invalid, or say why the change could not be stored; then nothing has changed.
	Switch(ctx context.Context, name string, change alerts.SwitchChange, by string) (Camera, error)
	// PutCamera adds a camera, or changes the one of that name. Its errors are an Invalid, Stale or OfFile, or say why
	// the change could not be stored; then nothing has changed.
	PutCamera(ctx context.Context, name string, e Edit) (Edited, error)
	// RemoveCamera removes a camera. Its errors are also ErrNoCamera.
	RemoveCamera(ctx context.Context, name string, e Edit) (Edited, error)
}

// ErrNotFound means that there is nothing of a name or number, other than a camera.
var ErrNotFound = errcode.RequestNotFound.New("there is no such thing")
