package archive

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/outbox"
)

const textID = "01KB7Z0001BBCCCCCCCCCCCCCC"

// textAlert contains control sequences, which no terminal may interpret.
func textAlert() alerts.Alert {
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.Local)
	peak := alerts.Moment{Wall: at.Add(time.Second), StreamSeconds: 2, Frame: 50}
	return alerts.Alert{
		ID: textID, Phase: alerts.PhaseEnd, Kind: alerts.KindAnomaly, Camera: "yard",
		Zones: []string{"\x1b[2J", "gate"},
		Start: alerts.Moment{Wall: at, StreamSeconds: 1, Frame: 25}, Peak: peak, End: &peak, EndReason: alerts.EndCalm,
		Measurement: &alerts.Measurement{
			PeakError: 0.0502, PeakRegularity: 0.22, Threshold: 0.0386, Severity: 0.78,
		},
		DurationSeconds: 2, Model: alerts.Model{Name: "small", Hash: "ab"},
		Source: alerts.Source{Width: 640, Height: 480},
	}
}

func TestLine(t *testing.T) {
	end := textAlert()
	untrusted := textAlert()
	untrusted.Phase, untrusted.Kind, untrusted.Measurement = alerts.PhaseStart, alerts.KindUntrusted, nil
	untrusted.EndReason = ""
	at := end.Time().Local().Format(time.DateTime)
	for want, a := range map[string]alerts.Alert{
		at + `  end     01KB7Z0001BB  yard  "\x1b[2J, gate"  peak 0.0502 of 0.0386  2.0 s  calm`: end,
		untrusted.Time().Local().Format(time.DateTime) +
			`  start   01KB7Z0001BB  yard  "\x1b[2J, gate"  untrusted  2.0 s`: untrusted,
	} {
		if got := Line(a); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestTables(t *testing.T) {
	goesOn := textAlert()
	goesOn.ID, goesOn.Zones, goesOn.End, goesOn.EndReason = "01KB7Z0001BBDDDDDDDDDDDDDD", nil, nil, ""
	goesOn.Kind, goesOn.Measurement = alerts.KindUntrusted, nil
	var got strings.Builder
	for _, all := range [][]Entry{nil, {
		{Message{Alert: textAlert()}, &alerts.Ack{By: "Ann", Normal: true}},
		{Message{Alert: goesOn}, &alerts.Ack{By: "\a"}},
	}} {
		if err := WriteTable(&got, all); err != nil {
			t.Fatal(err)
		}
	}
	const want = `ID             BEGAN                CAMERA                LASTED  PEAK              STATE
01KB7Z0001BBC  2026-11-20 10:00:00  yard "\x1b[2J, gate"  2.0 s   0.0502 of 0.0386  calm, normal (Ann)
01KB7Z0001BBD  2026-11-20 10:00:00  yard                  2.0 s                     "untrusted, goes on, seen (\a)"
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", &got, want)
	}
	got.Reset()
	for _, all := range [][]outbox.Aside{nil, {
		{
			MessageID: textID + ":0", Sink: "webhook", Camera: "yard", Since: goesOn.Start.Wall, Reason: "400",
			Retry: true,
		},
	}} {
		if err := WriteAside(&got, all); err != nil {
			t.Fatal(err)
		}
	}
	const aside = `ID                            SINK     CAMERA  SINCE                REASON
01KB7Z0001BBCCCCCCCCCCCCCC:0  webhook  yard    2026-11-20 10:00:00  retry requested; 400
`
	if got.String() != aside {
		t.Errorf("got\n%swant\n%s", &got, aside)
	}
}

func TestRecordText(t *testing.T) {
	r := Record{Last: textAlert(), Messages: make([]json.RawMessage, 2), Evidence: []Object{
		{Name: textID + "/clip-0.mp4", MediaType: "video/mp4", Bytes: 23},
	}, Ack: &alerts.Ack{By: "Ann", At: textAlert().Start.Wall, Normal: true, Clips: []string{"a"}}}
	const want = `alert        01KB7Z0001BBCCCCCCCCCCCCCC  anomaly
camera       yard  640x480
zones        "\x1b[2J, gate"
start        2026-11-20 10:00:00.000  second 1.0  frame 25
peak         2026-11-20 10:00:01.000  second 2.0  frame 50
end          2026-11-20 10:00:01.000  second 2.0  frame 50  calm after 2.0 s
reading      regularity 0.22  error 0.0502 of 0.0386  severity 0.78
model        small  ab  calibration none
messages     2
evidence     video/mp4         23 bytes  01KB7Z0001BBCCCCCCCCCCCCCC/clip-0.mp4
acknowledged Ann  2026-11-20 10:00:00  normal, 1 clip stored for training
`
	if got := r.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for want, k := range map[string]alerts.Ack{
		" acknowledged by Ann": {By: "Ann"},
		" acknowledged by Ann as normal, 2 clips stored for training": {
			By: "Ann", Normal: true,
			Clips: []string{"a", "b"},
		},
		` acknowledged by "\a" as normal; what the model saw of it is not kept, so there is nothing to train on`: {
			By: "\a", Normal: true,
		},
	} {
		k.AlertID = textID
		if got := AckLine(k); got != textID+want {
			t.Errorf("got %q, want %q", got, textID+want)
		}
	}
}
