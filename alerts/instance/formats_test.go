package instance

import (
	"testing"

	"vigil/internal/docs"
)

// docs/formats names the version of the data directory.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckVersion(t, "data-directory.md", Format)
}
