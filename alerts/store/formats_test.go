package store

import (
	"reflect"
	"testing"

	"vigil/internal/docs"
)

// docs/formats/ledger.md describes every field of the ledger.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckVersion(t, "ledger.md", ledgerVersion)
	docs.CheckFields(t, "ledger.md", "Fields", reflect.TypeFor[entry]())
}
