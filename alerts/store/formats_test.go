package store

import (
	"reflect"
	"testing"

	"vigil/internal/docs"
)

// docs/formats.md describes every field of the ledger.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckFields(t, "The ledger", reflect.TypeFor[entry]())
}
