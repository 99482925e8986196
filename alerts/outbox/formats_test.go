package outbox

import (
	"reflect"
	"testing"

	"vigil/internal/docs"
)

// docs/formats.md describes the files next to the alerts.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckNames(t, "Cursors", "<sink>", "<sink>.<camera>", createdKey, ledgerKey)
	docs.CheckFields(t, "Alerts that were set aside", reflect.TypeFor[Aside]())
}
