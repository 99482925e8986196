package mqtt

import (
	"encoding/json"
	"maps"
	"strings"

	"vigil/alerts"
)

// attributes are the flat properties of an event, for automations.
type attributes struct {
	AlertID   string      `json:"alert_id"`
	Kind      alerts.Kind `json:"kind"`
	Reason    string      `json:"reason,omitempty"` // of kind untrusted
	Start     string      `json:"start"`
	End       string      `json:"end,omitempty"`
	EndReason string      `json:"end_reason,omitempty"`
	Duration  float64     `json:"duration_seconds"`
	Zones     []string    `json:"zones"`
	// Severity is that of the open event, and 0 when it has ended; PeakSeverity stays.
	Severity     *float64 `json:"severity,omitempty"`
	PeakSeverity *float64 `json:"peak_severity,omitempty"`
	Regularity   *float64 `json:"peak_regularity,omitempty"`
}

// retainedState is the content of the retained topics of a camera.
type retainedState struct{ state, attributes string }

// stateOf returns the content of the retained topics after an alert. A message with an end time means that the event is
// over, whatever its phase.
func stateOf(a alerts.Alert) retainedState {
	f := attributes{
		AlertID: a.ID, Kind: a.Kind, Reason: a.Reason, Start: a.Start.Wall.Format("2006-01-02T15:04:05.000Z07:00"),
		Duration: a.DurationSeconds, Zones: a.Zones,
		EndReason: string(a.EndReason),
	}
	if f.Zones == nil {
		f.Zones = []string{}
	}
	if a.Measurement != nil {
		f.Severity, f.PeakSeverity, f.Regularity = &a.Severity, &a.Severity, &a.PeakRegularity
	}
	state := "ON"
	if a.Phase == alerts.PhaseEnd {
		state, f.Severity = "OFF", new(float64)
		f.End = a.End.Wall.Format("2006-01-02T15:04:05.000Z07:00")
	}
	text, err := json.Marshal(f)
	if err != nil {
		text = []byte("{}") // these types can always be encoded
	}
	return retainedState{state, string(text)}
}

// discovery returns the messages that announce a camera to Home Assistant: its event state, its severity and its
// switches.
func (w *Sink) discovery(camera string) ([]retained, error) {
	if w.opts.Discovery == "" {
		return nil, nil
	}
	node := w.clientID + "_" + camera
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
	var all []retained
	for _, entity := range []struct {
		path string
		own  map[string]any
	}{
		{"binary_sensor/" + node + "/anomaly/config", map[string]any{
			"name": "Anomaly", "unique_id": node + "_anomaly", "device_class": "safety",
			"state_topic": w.topic(camera, "state"), "payload_on": "ON", "payload_off": "OFF",
		}},
		{"sensor/" + node + "/severity/config", map[string]any{
			"name": "Severity", "unique_id": node + "_severity", "icon": "mdi:alert", "state_class": "measurement",
			"state_topic":    w.topic(camera, "attributes"),
			"value_template": "{{ value_json.severity | default(0) | round(2) }}",
		}},
	} {
		maps.Copy(entity.own, common)
		text, err := json.Marshal(entity.own)
		if err != nil {
			return nil, err
		}
		all = append(all, retained{topic: w.opts.Discovery + "/" + entity.path, text: string(text)})
	}
	if w.commands == nil {
		return all, nil
	}
	// A paused camera is unavailable, and its switches are what makes it available again.
	delete(common, "json_attributes_topic")
	common["availability"] = []any{map[string]string{"topic": w.topic("availability")}}
	for _, entity := range []struct {
		name, component string
		own             map[string]any
	}{
		{enabledSwitch, "switch", map[string]any{
			"name": "Enabled", "icon": "mdi:cctv", "payload_on": switchOn, "payload_off": switchOff,
		}},
		{snoozeSwitch, "number", map[string]any{
			"name": "Snooze", "icon": "mdi:alarm-snooze",
			"value_template": "{{ 0 if value == '" + switchOff + "' else value }}",
			"min":            0, "max": maxSnoozeMinutes, "step": 1, "mode": "box", "unit_of_measurement": "min",
		}},
	} {
		if !w.commands.received[entity.name] {
			continue
		}
		entity.own["unique_id"], entity.own["entity_category"] = node+"_"+entity.name, "config"
		entity.own["state_topic"] = w.topic(camera, entity.name)
		entity.own["command_topic"] = w.topic(camera, entity.name, "set")
		maps.Copy(entity.own, common)
		text, err := json.Marshal(entity.own)
		if err != nil {
			return nil, err
		}
		all = append(all, retained{
			topic: strings.Join([]string{w.opts.Discovery, entity.component, node, entity.name, "config"}, "/"),
			text:  string(text),
		})
	}
	return all, nil
}
