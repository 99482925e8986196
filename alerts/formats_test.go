package alerts

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"

	"vigil/internal/docs"
)

// docs/formats describes every field of the messages and of an acknowledgement, and every reason for an end.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckVersion(t, "alerts.md", SchemaVersion)
	message, err := Encode(sample(PhaseEnd))
	if err != nil {
		t.Fatal(err)
	}
	var envelope map[string]any
	if err := json.Unmarshal(message, &envelope); err != nil {
		t.Fatal(err)
	}
	docs.CheckNames(t, "alerts.md", "Envelope", slices.Collect(maps.Keys(envelope))...)
	docs.CheckFields(t, "alerts.md", "Alert", reflect.TypeFor[Alert]())
	docs.CheckNames(t, "alerts.md", "End reasons", string(EndCalm), string(EndSourceEnded), string(EndSourceLost),
		string(EndDisarmed), string(EndSnoozed), string(EndDetectionOff), string(EndPaused),
		string(EndMismatch), string(EndUnwatched), string(EndUntrusted),
		string(EndRestored), string(EndStopped), string(EndReconfigured), string(EndCrashRecovered))
	docs.CheckFields(t, "alerts.md", "Score", reflect.TypeFor[Score]())
	docs.CheckFields(t, "alerts.md", "Status", reflect.TypeFor[Status]())
	docs.CheckFields(t, "alerts.md", "Storage", reflect.TypeFor[Storage]())
	docs.CheckFields(t, "acknowledgements.md", "", reflect.TypeFor[Ack]())
	docs.CheckFields(t, "switches.md", "", reflect.TypeFor[Switches]())
}
