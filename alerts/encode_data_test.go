package alerts

import (
	"bytes"
	"testing"
)

// The envelope of an alert's data is the one in which they were published, also with fields of later versions.
func TestEncodeData(t *testing.T) {
	for _, phase := range []Phase{PhaseStart, PhaseUpdate, PhaseEnd} {
		message, err := Encode(sample(phase))
		if err != nil {
			t.Fatal(err)
		}
		e, err := decodeEvent(message)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := EncodeData(e.Data()); err != nil || !bytes.Equal(again, message) {
			t.Errorf("%s: %v\n%s\n%s", phase, err, again, message)
		}
		later := bytes.Replace(e.Data(), []byte("{"), []byte(`{"later":[1],`), 1)
		if again, err := EncodeData(later); err != nil || !bytes.Contains(again, []byte(`"later":[1]`)) {
			t.Errorf("%s: %v\n%s", phase, err, again)
		}
	}
	for _, data := range []string{"", "{}", "[]", `{"schema_version":99}`} {
		if message, err := EncodeData([]byte(data)); err == nil {
			t.Errorf("%q is encoded as %s", data, message)
		}
	}
}
