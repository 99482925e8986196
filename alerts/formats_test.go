package alerts

import (
	"reflect"
	"testing"

	"vigil/internal/docs"
)

// docs/formats.md describes every field of an acknowledgement; those of alerts are in the schema.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckFields(t, "Acknowledgements", reflect.TypeFor[Ack]())
}
