package health

import (
	"encoding/json"
	"net/http"
)

// AliveHandler serves /healthz: 200 if the process works, 503 if not.
func (h *Health) AliveHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a := h.Alive()
		write(w, a, a.OK)
	})
}

// ReadyHandler serves /readyz: 200 if everything configured works, 503 if not.
func (h *Health) ReadyHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		r := h.Ready()
		write(w, r, r.Ready)
	})
}

func write(w http.ResponseWriter, v any, ok bool) {
	w.Header().Set("Content-Type", "application/json")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // the client has left
}
