package outbox

import (
	"reflect"
	"testing"

	"vigil/internal/docs"
)

// docs/formats describes the buckets next to the alerts.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckNames(t, "cursors.md", "", "<sink>", "<sink>.<camera>", createdKey, ledgerKey)
	docs.CheckFields(t, "set-aside.md", "", reflect.TypeFor[Aside]())
}
