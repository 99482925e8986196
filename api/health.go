package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"vigil/api/access"
	"vigil/api/problem"
	"vigil/internal/errcode"
)

// Reporter says how a System is.
type Reporter interface {
	// Health says what works, and what does not.
	Health(ctx context.Context) Health
	// Config returns the configuration in force without its secrets.
	Config(ctx context.Context) (ConfigInForce, error)
	// CheckConfig reads the configuration file, and returns what would happen if it were taken up now.
	CheckConfig(ctx context.Context) (ConfigCheck, error)
}

// Health is what works. What is off on purpose, such as a paused camera, counts as working.
type Health struct {
	// Alive means that clips are scored and alerts can be stored.
	Alive bool `json:"alive"`
	// Checks are the parts that must work.
	Checks []HealthCheck `json:"checks"`
	// Ready means that every camera is watched and every sink can be reached.
	Ready bool `json:"ready"`
	// Reasons are why it is not ready.
	Reasons []HealthItem `json:"reasons"`
	// Info is off on purpose or passes by itself, or a remark about the configuration.
	Info []HealthItem `json:"info"`
}

// HealthCheck is a part of the system that must work.
type HealthCheck struct {
	// Name is scheduler or store.
	Name string `json:"name"`
	// OK means that it works.
	OK bool `json:"ok"`
	// Detail says why not.
	Detail string `json:"detail,omitempty"`
	// Code is that of Detail in the catalogue of errors.
	Code string `json:"code,omitempty"`
}

// HealthItem is a camera or a sink that does not do what it is for, or a remark about the configuration.
type HealthItem struct {
	// Kind is camera, sink or config.
	Kind string `json:"kind"`
	// Name is the camera's, the sink's, or a key.
	Name string `json:"name"`
	// State is what it is in.
	State string `json:"state"`
	// Since is when that began.
	Since *time.Time `json:"since,omitempty"`
	// Detail says more.
	Detail string `json:"detail,omitempty"`
	// Code is that of Detail in the catalogue of errors.
	Code string `json:"code,omitempty"`
}

// ConfigInForce is the configuration in force.
type ConfigInForce struct {
	// State says when it was read, and what is wrong with the file since; absent for sources of the command line.
	State *Config `json:"state,omitempty"`
	// YAML is the whole configuration with all defaults. Passwords are ***.
	YAML string `json:"yaml"`
}

// ConfigCheck is what would happen if the configuration file were taken up now.
type ConfigCheck struct {
	// Valid means that it would be in force, but for NeedRestart.
	Valid bool `json:"valid"`
	// Changed means that it differs from the configuration in force.
	Changed bool `json:"changed"`
	// Error says what is wrong, with the lines of the file; Code is its code in the catalogue of errors.
	Error string `json:"error,omitempty"`
	Code  string `json:"code,omitempty"`
	// NeedRestart are the keys that would be in force only after a restart.
	NeedRestart []string `json:"need_restart"`
}

func (s *server) addReports(to huma.API) {
	huma.Register(to, route(http.MethodGet, root+"/health", access.ViewSome, "show-health", "Show what works"),
		s.showHealth)
	show := route(http.MethodGet, root+"/config", access.Operate, "show-config", "Show the configuration in force")
	show.Description = "For logins that may operate all cameras."
	huma.Register(to, show, s.showConfig)
	check := route(http.MethodPost, root+"/config/check", access.Operate, "check-config",
		"Check the configuration file")
	check.Description = "It reads the file that vigil was started with and changes nothing. For logins that may " +
		"operate all cameras."
	huma.Register(to, check, s.checkConfig)
	huma.Register(to, route(http.MethodGet, root+"/errors", access.ViewSome, "list-errors",
		"List the catalogue of errors"),
		func(context.Context, *struct{}) (*errorsOutput, error) {
			return &errorsOutput{ErrorList{errcode.Entries()}}, nil
		})
	huma.Register(to, route(http.MethodGet, root+"/errors/{code}", access.ViewSome, "explain-error", "Explain a code"),
		explain)
}

// ErrorList is the catalogue of errors.
type ErrorList struct {
	// Errors are the entries, by groups.
	Errors []errcode.Entry `json:"errors"`
}

type (
	healthOutput struct{ Body Health }
	configOutput struct{ Body ConfigInForce }
	checkOutput  struct{ Body ConfigCheck }
	errorsOutput struct{ Body ErrorList }
	errorOutput  struct{ Body errcode.Entry }
	codeInput    struct {
		Code string `path:"code" maxLength:"100" doc:"A code, such as camera.unknown"`
	}
)

// showHealth leaves out the cameras that the request may not see; whether all is ready it may know.
func (s *server) showHealth(ctx context.Context, _ *struct{}) (*healthOutput, error) {
	h := s.Health(ctx)
	h.Reasons, h.Info = s.visible(ctx, h.Reasons), s.visible(ctx, h.Info)
	return &healthOutput{h}, nil
}

// kindCamera is the kind of items about a camera. All others are about the whole system.
const kindCamera = "camera"

func (s *server) visible(ctx context.Context, all []HealthItem) []HealthItem {
	seen := []HealthItem{}
	for _, item := range all {
		if item.Kind == kindCamera && may(ctx, access.RoleView, item.Name) ||
			item.Kind != kindCamera && mayAll(ctx, access.RoleView) {
			seen = append(seen, item)
		}
	}
	return seen
}

func (s *server) showConfig(ctx context.Context, _ *struct{}) (*configOutput, error) {
	c, err := s.Config(ctx)
	if err != nil {
		return nil, problemOf(err)
	}
	return &configOutput{c}, nil
}

func (s *server) checkConfig(ctx context.Context, _ *struct{}) (*checkOutput, error) {
	c, err := s.CheckConfig(ctx)
	if err != nil {
		return nil, problemOf(err)
	}
	return &checkOutput{c}, nil
}

func explain(_ context.Context, in *codeInput) (*errorOutput, error) {
	entry, ok := errcode.Find(errcode.Code(in.Code))
	if !ok {
		return nil, problem.New(http.StatusNotFound, errcode.RequestNotFound, "the catalogue has no such code")
	}
	return &errorOutput{entry}, nil
}
