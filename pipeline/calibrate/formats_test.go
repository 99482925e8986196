package calibrate

import (
	"reflect"
	"testing"

	"vigil/internal/docs"
)

// TestFormatIsDocumented checks that docs/formats.md describes every field of a calibration.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckFields(t, "The calibration", reflect.TypeFor[Calibration]())
}
