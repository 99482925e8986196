package outbox

import (
	"reflect"
	"testing"

	"vigil/internal/docs"
)

// docs/formats.md describes what is kept beside the alerts.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckNames(t, "Cursors", "<sink>", "<sink>.<camera>", createdKey, ledgerKey)
	docs.CheckFields(t, "Alerts that were set aside", reflect.TypeFor[Aside]())
}
