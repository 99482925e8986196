// Command gen writes the kernels' assembly for amd64: micro-kernels for AVX-512 and for AVX2 with FMA, from one description each.
// Run it by `go generate ./model/kernel`.
package main

import (

	"github.com/mmcloughlin/avo/build"
)

func main() {
	build.ConstraintExpr("amd64")
	maskTable()
	for _, f := range []struct{ pixels, vectors int }{{6, 4}, {8, 3}, {8, 2}, {8, 1}} {
		tile(avx512, f.pixels, f.vectors)
	}
	for _, f := range []struct{ pixels, vectors int }{{4, 3}, {6, 2}, {8, 1}} {
		tile(avx2, f.pixels, f.vectors)
	}
	peak(avx512)
	peak(avx2)
	build.Generate()
}
