package olddata

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// streams1 are the configurations of version 1's streams, by name.
var streams1 = map[string]string{
	"VIGIL_ALERTS": `"description":"Alerts of vigil","subjects":["vigil.alerts.>"],"max_bytes":268435456,"max_msgs_per_subject":-1,` +
		`"duplicate_window":86400000000000`,
	"KV_VIGIL_OUTBOX": `"description":"How far alerts of vigil were delivered","subjects":["$KV.VIGIL_OUTBOX.>"],"max_bytes":4194304,` +
		`"max_msgs_per_subject":1,"duplicate_window":120000000000,"deny_delete":true,"allow_rollup_hdrs":true`,
	"KV_VIGIL_ACKS": `"description":"What people said of vigil's alerts","subjects":["$KV.VIGIL_ACKS.>"],"max_bytes":67108864,` +
		`"max_msgs_per_subject":1,"duplicate_window":120000000000,"deny_delete":true,"allow_rollup_hdrs":true`,
	"OBJ_VIGIL_EVIDENCE": `"description":"Evidence of vigil's alerts","subjects":["$O.VIGIL_EVIDENCE.C.>","$O.VIGIL_EVIDENCE.M.>"],` +
		`"max_bytes":2717908992,"max_msgs_per_subject":-1,"duplicate_window":120000000000,"allow_rollup_hdrs":true`,
	"OBJ_VIGIL_TRAINING": `"description":"What models saw that a person called normal","subjects":["$O.VIGIL_TRAINING.C.>","$O.VIGIL_TRAINING.M.>"],` +
		`"max_bytes":4294967296,"max_msgs_per_subject":-1,"duplicate_window":120000000000,"allow_rollup_hdrs":true`,
}

const common1 = `{"name":%q,%s,"retention":"limits","max_consumers":-1,"max_msgs":-1,"max_age":0,"max_msg_size":-1,"discard":"new","storage":"file",` +
	`"num_replicas":1,"compression":"none","allow_direct":true}`

// registry1 is a file mqtt.json.
const registry1 = `{
  "retained": {
    "tcp://127.0.0.1:1": [
      "vigil/availability",
      "vigil/yard/attributes",
      "vigil/yard/availability",
      "vigil/yard/state"
    ]
  }
}
`

const (
	ended1 = "01M8MFDN9VGP4A709VNMPZH1P8"
	open1  = "01M8MFDKRS0PX4N9RGETKDV24J"
)

// alert1 builds an alert's message from a template.
func alert1(camera, id string, seq int, phase, more string) Message {
	message := fmt.Sprintf("%s:%d", id, seq)
	return Message{
		Subject: "vigil.alerts." + camera + "." + phase, ID: message,
		Data: fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/vigil/cameras/%s",`+
			`"type":"vigil.alert.%s","subject":%q,"datacontenttype":"application/json","dataschema":"urn:vigil:schema:alert:1","time":"2026-11-29T20:19:52.498267857Z",`+
			`"data":{"schema_version":1,"alert_id":%q,"seq":%d,"phase":%q,"kind":"anomaly","camera":%q,"boxes":[{"x":0.0625,"y":0.625,"w":0.0625,"h":0.125}],`+
			`"start":{"wall":"2026-11-29T20:19:52.498267857Z","stream_seconds":8.8,"frame":88},"peak":{"wall":"2026-11-29T20:19:54.098233584Z","stream_seconds":10.4,"frame":104},`+
			`"duration_seconds":2.3,"error":0.6664352686493658,"regularity":0,"peak_error":0.6664352686493658,"peak_regularity":0,"lo":0.005,"threshold":0.07,"severity":1,`+
			`"model":{"name":"ped2-fast","version":"909fa75ac655","hash":"909fa75ac65521182c6399bb81e67399dc7200cc8e22ebb87b553c43188ab7be"},`+
			`"source":{"width":360,"height":240,"fps":10},"gap_before":false%s}}`, message, camera, phase,
			camera, id, seq,
			phase, camera, more),
	}
}

// Version1 creates a data directory of version 1, which has no format file: all releases before that file existed.
func Version1(t testing.TB, dir string) Dir {
	t.Helper()
	d := Dir{
		ID: "04c900b531b33502", Registry: registry1, Ended: ended1, Open: open1, By: "Ann", Webhook: 2,
		Messages: []Message{
			alert1("yard", ended1, 0, "start",
				`,"latency":{"capture_ms":1.896396,"queue_ms":0.077636,"score_ms":11.163944,"publish_ms":0.321282}`),
			alert1("yard", ended1, 1, "update", ""),
			alert1("gate", open1, 0, "start", ""),
			alert1("yard", ended1, 2, "end",
				`,"end":{"wall":"2026-11-29T20:19:54.798233584Z","stream_seconds":11.1,"frame":111},"end_reason":"calm"`),
			alert1("gate", open1, 1, "update", ""),
		},
		Evidence: map[string]string{
			"snapshot-104.jpg": "a picture", "heatmap-104.jpg": "a map",
			"clip-78.mp4": "a clip", "model-input-78.mkv": "what the model saw",
		},
		Training: map[string]string{"model-input-60.mkv": "what the model saw before"},
	}
	write(t, filepath.Join(dir, "id"), d.ID+"\n")
	write(t, filepath.Join(dir, "mqtt.json"), d.Registry)
	write(t, filepath.Join(dir, "nats", "vigil.lock"), "")
	s, err := open(filepath.Join(dir, "nats"))
	if err != nil {
		t.Fatal(err)
	}
	err = d.fill1(s)
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *Dir) fill1(s *store) error {
	var created string
	for name, config := range streams1 {
		answer, err := s.ask("$JS.API.STREAM.CREATE."+name, nil, fmt.Sprintf(common1, name, config))
		if err != nil {
			return err
		}
		var a struct {
			Created string `json:"created"`
		}
		if err := json.Unmarshal(answer, &a); err != nil {
			return err
		}
		if name == "VIGIL_ALERTS" {
			created = a.Created
		}
	}
	for _, m := range d.Messages {
		if _, err := s.ask(m.Subject, nats.Header{"Nats-Msg-Id": {m.ID}, "Nats-Expected-Stream": {"VIGIL_ALERTS"}},
			m.Data); err != nil {
			return err
		}
	}
	media := map[string]string{".jpg": "image/jpeg", ".mp4": "video/mp4", ".mkv": "video/x-matroska"}
	n := 0
	for name, data := range d.Evidence {
		n++
		if err := s.object("VIGIL_EVIDENCE", d.Ended+"/"+name, media[filepath.Ext(name)], data, n); err != nil {
			return err
		}
	}
	for name, data := range d.Training {
		n++
		if err := s.object("VIGIL_TRAINING", d.Ended+"/"+name, "", data, n); err != nil {
			return err
		}
	}
	for _, entry := range [][2]string{
		{"VIGIL_OUTBOX.created", created},
		{"VIGIL_OUTBOX.webhook", "0"},
		{"VIGIL_OUTBOX.webhook.yard", fmt.Sprint(d.Webhook)},
		{
			"VIGIL_ACKS." + d.Ended,
			strings.ReplaceAll(
				`{"alert_id":"ID","camera":"yard","by":"Ann","at":"2026-11-29T20:20:02.276703817Z","normal":true,`+
					`"clips":["ID/model-input-60.mkv"]}`, "ID", d.Ended),
		},
	} {
		if _, err := s.ask("$KV."+entry[0], nil, entry[1]); err != nil {
			return err
		}
	}
	return nil
}
