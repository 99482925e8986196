package alerts

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestScoreRoundTrips(t *testing.T) {
	zero := 0.0
	s := Score{
		Camera: "yard", Frame: 8, StreamSeconds: 0.32, Wall: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Error: 0.02, ClipsSkipped: 3,
	}
	for _, regularity := range []*float64{nil, &zero} {
		s.Regularity = regularity
		message, err := EncodeScore(s)
		if err != nil {
			t.Fatal(err)
		}
		if has := strings.Contains(string(message), `"regularity":0`); has != (regularity != nil) {
			t.Errorf("regularity in the message: %v: %s", has, message)
		}
		got, err := DecodeScore(message)
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%+v, %v; want %+v", got, err, s)
		}
	}
}

func TestScoreRefusesNonFinite(t *testing.T) {
	nan := math.NaN()
	for _, s := range []Score{
		{Camera: "a", Error: nan},
		{Camera: "a", Regularity: &nan},
		{Camera: "a", StreamSeconds: nan},
		{Camera: "a.b"},
	} {
		if message, err := EncodeScore(s); err == nil {
			t.Errorf("encoded %s", message)
		}
	}
}

func TestStatusRoundTrips(t *testing.T) {
	s := Status{
		Camera: "yard", State: StateFailing, Wall: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Detail: "no frame for 10 s",
	}
	message, err := EncodeStatus(s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeStatus(message); err != nil || got != s {
		t.Errorf("%+v, %v; want %+v", got, err, s)
	}
	if _, err := DecodeScore(message); err == nil || !strings.Contains(err.Error(), "vigil.status") {
		t.Errorf("a status read as a score: %v", err)
	}
}

func TestStateWatched(t *testing.T) {
	for s, want := range map[State]bool{
		StateConnecting: false, StateLive: true, StateStalled: false, StateFrozen: false, StateFailing: false,
		StateRateMismatch: false,
		StateSizeMismatch: false, StateNoClips: false, StateUnscorable: false, StatePausedOverload: false,
		StateDisarmed: true,
		StateSnoozed:  true, StateDetectionOff: true, StatePaused: false, StateEnded: false, StateFailed: false,
		StateStopped: false, "of a later program": false,
	} {
		if got := s.Watched(); got != want {
			t.Errorf("%s: watched is %v", s, got)
		}
	}
}

func TestStorageRoundTrips(t *testing.T) {
	want := Storage{
		State: StorageFailing, Wall: time.Date(2026, 3, 14, 22, 5, 9, 0, time.UTC),
		Detail: "no space left on device", FreeBytes: 4096,
	}
	message, err := EncodeStorage(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeStorage(message); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := EncodeStorage(Storage{}); err == nil {
		t.Error("an empty state was encoded")
	}
	if _, err := DecodeStatus(message); err == nil {
		t.Error("a storage was read as a status")
	}
}
