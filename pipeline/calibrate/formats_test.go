package calibrate

import (
	"reflect"
	"testing"

	"vigil/internal/docs"
)

// TestFormatIsDocumented checks that docs/formats/calibration.md describes every field of a calibration.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckVersion(t, "calibration.md", calibrationVersion)
	docs.CheckFields(t, "calibration.md", "Fields", reflect.TypeFor[Calibration]())
}
