package mqtt

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"vigil/alerts"
)

// attributes are an event's facts for automations: the flat ones.
type attributes struct {
	AlertID    string      `json:"alert_id"`
	Kind       alerts.Kind `json:"kind"`
	Start      string      `json:"start"`
	End        string      `json:"end,omitempty"`
	EndReason  string      `json:"end_reason,omitempty"`
	Duration   float64     `json:"duration_seconds"`
	Zones      []string    `json:"zones"`
	Severity   *float64    `json:"severity,omitempty"`
	Regularity *float64    `json:"peak_regularity,omitempty"`
}

// sightOf is what the retained topics say after an alert. A message that has an end is over, whatever its phase.
func sightOf(a alerts.Alert) sight {
	f := attributes{
		AlertID: a.ID, Kind: a.Kind, Start: a.Start.Wall.Format("2006-01-02T15:04:05.000Z07:00"), Duration: a.DurationSeconds, Zones: a.Zones,
		EndReason: string(a.EndReason),
	}
	if f.Zones == nil {
		f.Zones = []string{}
	}
	if a.Reading != nil {
		f.Severity, f.Regularity = &a.Severity, &a.PeakRegularity
	}
	state := "ON"
	if a.Phase == alerts.PhaseEnd {
		state = "OFF"
		f.End = a.End.Wall.Format("2006-01-02T15:04:05.000Z07:00")
	}
	text, err := json.Marshal(f)
	if err != nil {
		text = []byte("{}") // none of these cannot be encoded
	}
	return sight{state, string(text)}
}

// greet says after each connection who is there and how things are: a broker may have been started anew and know nothing.
func (w *Way) greet(ctx context.Context) error {
	if w.opts.Quiet {
		return nil
	}
	w.mu.Lock()
	states, health := maps.Clone(w.state), maps.Clone(w.health)
	w.mu.Unlock()
	for _, camera := range slices.Sorted(maps.Keys(states)) {
		if err := w.announce(ctx, camera); err != nil {
			return err
		}
		s, h := states[camera], Offline
		if state, ok := health[camera]; ok {
			h = availability(state)
		}
		for topic, text := range map[string]string{"attributes": s.attributes, "state": s.state, "availability": h} {
			if err := w.publish(ctx, w.topic(camera, topic), []byte(text), true); err != nil {
				return err
			}
		}
	}
	return w.publish(ctx, w.topic("availability"), []byte(Online), true)
}

// announce tells Home Assistant of a camera: whether an event goes on there, and how far the last one was from normal.
func (w *Way) announce(ctx context.Context, camera string) error {
	if w.opts.Discovery == "" {
		return nil
	}
	node := w.opts.ClientID + "_" + camera
	common := map[string]any{
		"availability": []any{
			map[string]string{"topic": w.topic("availability")},
			map[string]string{"topic": w.topic(camera, "availability")},
		},
		"availability_mode":     "all",
		"json_attributes_topic": w.topic(camera, "attributes"),
		"device":                map[string]any{"identifiers": []string{node}, "name": camera, "manufacturer": "vigil"},
		"origin":                map[string]string{"name": "vigil"},
	}
	for path, own := range map[string]map[string]any{
		"binary_sensor/" + node + "/anomaly/config": {
			"name": "Anomaly", "unique_id": node + "_anomaly", "device_class": "safety",
			"state_topic": w.topic(camera, "state"), "payload_on": "ON", "payload_off": "OFF",
		},
		"sensor/" + node + "/severity/config": {
			"name": "Severity", "unique_id": node + "_severity", "icon": "mdi:alert", "state_class": "measurement",
			"state_topic": w.topic(camera, "attributes"), "value_template": "{{ value_json.severity | default(0) | round(2) }}",
		},
	} {
		maps.Copy(own, common)
		text, err := json.Marshal(own)
		if err != nil {
			return err
		}
		if err := w.publish(ctx, w.opts.Discovery+"/"+path, text, true); err != nil {
			return err
		}
	}
	return nil
}
