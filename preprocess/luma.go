//go:build cgo && gocv_videoio

package preprocess

// #cgo CFLAGS: -O3
// #include "area.h"
import "C"

import (
	"unsafe"

	"vigil/geometry"
	"vigil/video"
)

// maxRows is how many rows of bytes fit into a sum of 16 bits.
const maxRows = 257

// PrepareLuma is Prepare for a grey frame, several times as fast; the results differ by rounding, by one level of grey
// here and there. It blackens the masked pixels of f.Pix in place.
func (p *Preparer) PrepareLuma(f *video.Frame) (video.Picture, error) {
	if f.Channels != 1 || p.side > C.VIGIL_MAX_SIDE || f.Width < p.side || f.Height < p.side ||
		f.Height > p.side*(maxRows-1) || len(f.Pix) != f.Width*f.Height {
		return p.Prepare(f)
	}
	if f.Width != p.lumaWidth || f.Height != p.lumaHeight {
		p.lumaWidth, p.lumaHeight = f.Width, f.Height
		p.lumaRuns = geometry.MaskRuns(p.mask, f.Width, f.Height)
		p.sums, p.row = make([]uint16, f.Width), make([]float32, f.Width+C.VIGIL_SPARE)
	}
	for _, r := range p.lumaRuns {
		clear(f.Pix[r.From:r.To])
	}
	C.vigil_shrink((*C.uint8_t)(unsafe.SliceData(f.Pix)), C.int(f.Width), C.int(f.Height),
		(*C.uint8_t)(unsafe.SliceData(p.out)), C.int(p.side),
		(*C.uint16_t)(unsafe.SliceData(p.sums)), (*C.float)(unsafe.SliceData(p.row)))
	return p.picture(f), nil
}
