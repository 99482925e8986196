package broker

import (
	"reflect"
	"testing"

	"vigil/internal/docs"
)

// docs/formats.md describes the key of the header Vigil-Origin.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckFields(t, "The origin of alerts", reflect.TypeFor[originRecord]())
}
