package broker

import (
	"reflect"
	"testing"

	"vigil/internal/docs"
)

// docs/formats/data-directory.md describes the key of the header Vigil-Origin.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckFields(t, "data-directory.md", "The origin of alerts", reflect.TypeFor[originRecord]())
}
