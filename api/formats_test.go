package api

import (
	"reflect"
	"testing"

	"vigil/internal/docs"
)

// docs/formats describes every field of the answers and of a change.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckFields(t, "control.md", "Status", reflect.TypeFor[Status]())
	docs.CheckFields(t, "control.md", "Change", reflect.TypeFor[SwitchRequest]())
	docs.CheckFields(t, "control.md", "Edited", reflect.TypeFor[Edited]())
}
