package app

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"vigil/config"
	"vigil/pipeline"
)

// What the log advises is what the configuration accepts.
func TestAdvisedHopIsAccepted(t *testing.T) {
	f, _ := reflect.TypeFor[config.Settings]().FieldByName("Hop")
	if tag, want := f.Tag.Get("validate"), fmt.Sprintf(",max=%d", pipeline.MaxHop); !strings.HasSuffix(tag, want) {
		t.Errorf("the key hop has the rule %q, want one that ends in %s", tag, want)
	}
}
