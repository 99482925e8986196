package app

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"vigil/capture/source"
	"vigil/config"
	"vigil/geometry"
	"vigil/internal/cameratest"
	"vigil/model"
	"vigil/pipeline"
)

// whatChanges is what a change of each key of a camera does while vigil runs. A new key has to be decided here. model
// counts by what it is, not by its name, and calibration by what is in the file.
var whatChanges = map[string]changeOf{
	"name": replaced, "source": replaced, "model": replaced, "fps": replaced, "hop": replaced, "realtime": replaced,
	"reader": replaced, "transport": replaced, "trust": replaced, "follow": replaced, "open_timeout": replaced,
	"read_timeout": replaced, "reconnect": replaced, "frozen_after": replaced, "memory": replaced, "footage": replaced,
	"mask": replaced,

	"calibration": updated, "threshold": updated, "alarms": updated, "adapt": updated, "untrusted": updated,
	"zones": updated, "detector": updated, "armed": updated, "time_zone": updated,
}

// Each field of a camera's settings, also in its maps and lists, is one that replaces the camera or one that changes
// between two clips.
func TestEveryFieldIsDecided(t *testing.T) {
	m, err := model.Load(cameratest.ZeroWeights(t))
	if err != nil {
		t.Fatal(err)
	}
	base := config.Camera{Name: "gate", Settings: config.Default().Defaults}
	if base.Source, err = source.ParseAddress("rtsp://10.0.0.7/x"); err != nil {
		t.Fatal(err)
	}
	of := func(c config.Camera) *watched { return &watched{config: c, camera: pipeline.Camera{Model: m}} }
	if got := of(base).changed(of(base)); got != unchanged {
		t.Errorf("a camera that is as it was is %v", got)
	}
	var keys []string
	for _, f := range config.Fields(reflect.TypeFor[config.Camera]()) {
		key := config.KeyOf(f)
		keys = append(keys, key)
		want, decided := whatChanges[key]
		if !decided {
			t.Errorf("the key %s is not in the table", key)
		}
		for i, other := range others(t, reflect.ValueOf(base).FieldByIndex(f.Index)) {
			next := base
			reflect.ValueOf(&next).Elem().FieldByIndex(f.Index).Set(other)
			if got := of(base).changed(of(next)); got != want {
				t.Errorf("change %d of %s to %v is %v, want %v", i, key, other, got, want)
			}
		}
	}
	for key := range whatChanges {
		if !slices.Contains(keys, key) {
			t.Errorf("there is no key %s", key)
		}
	}
}

// others returns values that differ from v in one thing each.
func others(t *testing.T, v reflect.Value) (all []reflect.Value) {
	t.Helper()
	add := func(x any) { all = append(all, reflect.ValueOf(x).Convert(v.Type())) }
	switch x := v.Interface().(type) {
	case source.Address:
		other, err := source.ParseAddress("rtsp://10.0.0.8/x")
		if err != nil {
			t.Fatal(err)
		}
		add(other)
		return all
	case config.TimeZone:
		var zone config.TimeZone
		if err := zone.UnmarshalText([]byte("Asia/Tokyo")); err != nil {
			t.Fatal(err)
		}
		add(zone)
		return all
	case []geometry.Polygon:
		add([]geometry.Polygon{{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}}})
		return all
	case time.Duration:
		add(x + time.Second)
		return all
	}
	switch v.Kind() {
	case reflect.String:
		add(v.String() + "x")
	case reflect.Bool:
		add(!v.Bool())
	case reflect.Int, reflect.Int64:
		add(v.Int() + 1)
	case reflect.Float64:
		add(v.Float() + 1)
	case reflect.Pointer:
		all = append(all, reflect.New(v.Type().Elem()))
	case reflect.Slice:
		all = append(all, reflect.MakeSlice(v.Type(), v.Len()+1, v.Len()+1))
	case reflect.Struct:
		for i := range v.NumField() {
			for _, other := range others(t, v.Field(i)) {
				next := reflect.New(v.Type()).Elem()
				next.Set(v)
				next.Field(i).Set(other)
				all = append(all, next)
			}
		}
	default:
		t.Fatalf("a value of type %v", v.Type())
	}
	if len(all) == 0 {
		t.Fatalf("no other value of type %v", v.Type())
	}
	return all
}
