package alerts

import (
	"reflect"
	"testing"
	"time"
)

func TestAckRoundTrips(t *testing.T) {
	good := Ack{
		AlertID: "01JPB5Z7T2W4K8M3N6Q9R1S5VX", Camera: "yard", By: "Ann", At: time.Unix(1, 0), Normal: true,
		Clips: []string{"x"},
	}
	data, err := EncodeAck(good)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeAck(data)
	good.At = good.At.UTC()
	if err != nil || !reflect.DeepEqual(got, good) {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, change := range map[string]func(*Ack){
		"id": func(a *Ack) { a.AlertID = "1" }, "name": func(a *Ack) { a.By = "" },
		"control": func(a *Ack) { a.By = "a\x1b" },
		"time":    func(a *Ack) { a.At = time.Time{} }, "camera": func(a *Ack) { a.Camera = "A" },
	} {
		bad := good
		change(&bad)
		if _, err := EncodeAck(bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, text := range []string{"", "null", "[]", "{}"} {
		if _, err := DecodeAck([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
