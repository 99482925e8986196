package calibrate

import (
	"bytes"
	"testing"
)

// The background is the median of pictures that are spread over the whole video, however long it is.
func TestBackgroundLearner(t *testing.T) {
	for _, n := range []int{1, 3, maxBackgroundPictures, 5*maxBackgroundPictures + 7} {
		var l BackgroundLearner
		grey := make([]byte, 4)
		for i := range n {
			// Something passes in the last third, and is there for less than half of the time.
			grey[0], grey[1] = 100, 10
			if 3*i > 2*n {
				grey[1] = 200
			}
			l.Add(grey)
		}
		b, err := l.Background(2)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Grey[:2], []byte{100, 10}) || b.check() != nil || len(b.Scaled()) != 4 {
			t.Errorf("%d pictures: the background is %v", n, b.Grey)
		}
		if len(l.kept) > maxBackgroundPictures || n > maxBackgroundPictures && len(l.kept) < maxBackgroundPictures/2 {
			t.Errorf("%d pictures: %d are kept", n, len(l.kept))
		}
	}
	if _, err := new(BackgroundLearner).Background(2); err == nil {
		t.Error("there is a background without pictures")
	}
	for _, b := range []Background{{}, {Side: 2, Grey: make([]byte, 5)}, {Side: -2, Grey: make([]byte, 4)}} {
		if b.check() == nil {
			t.Errorf("%+v is taken", b)
		}
	}
	if (*Background)(nil).Scaled() != nil || (*Background)(nil).check() != nil {
		t.Error("no background is none")
	}
}
