package worker

import (
	"reflect"
	"strconv"
	"testing"

	"vigil/capture"
	"vigil/internal/docs"
	"vigil/video"
)

// TestFormatIsDocumented checks that docs/formats/worker-pipe.md describes every message of the pipe.
func TestFormatIsDocumented(t *testing.T) {
	var numbers []string
	for k := kindHello; k < kinds; k++ {
		numbers = append(numbers, strconv.Itoa(int(k)))
	}
	const page = "worker-pipe.md"
	docs.CheckVersion(t, page, version)
	docs.CheckNames(t, page, "Kinds of messages", numbers...)
	docs.CheckFields(t, page, "Start", reflect.TypeFor[start]())
	docs.CheckFields(t, page, "Opened", reflect.TypeFor[video.Info]())
	docs.CheckFields(t, page, "Segments", reflect.TypeFor[segment](), reflect.TypeFor[capture.SegmentStats]())
	docs.CheckFields(t, page, "End", reflect.TypeFor[end]())
}
