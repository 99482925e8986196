package worker

import (
	"reflect"
	"strconv"
	"testing"

	"vigil/capture"
	"vigil/internal/docs"
	"vigil/video"
)

// TestFormatIsDocumented checks that docs/formats.md describes every message of the pipe.
func TestFormatIsDocumented(t *testing.T) {
	var numbers []string
	for k := kindHello; k < kinds; k++ {
		numbers = append(numbers, strconv.Itoa(int(k)))
	}
	docs.CheckNames(t, "Kinds of messages", numbers...)
	docs.CheckFields(t, "Start", reflect.TypeFor[start]())
	docs.CheckFields(t, "Opened", reflect.TypeFor[video.Info]())
	docs.CheckFields(t, "Segments", reflect.TypeFor[segment](), reflect.TypeFor[capture.SegmentStats]())
	docs.CheckFields(t, "End", reflect.TypeFor[end]())
}
