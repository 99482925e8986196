// Command gen generates the kernels' assembly for amd64, for AVX-512 and for AVX2 with FMA, from one description each.
// Run it with `go generate ./model/kernel`.
package main

import "github.com/mmcloughlin/avo/build"

func main() {
	build.ConstraintExpr("amd64")
	maskTable()
	for _, f := range []struct {
		set             *isa
		pixels, vectors int
	}{{avx512, 6, 4}, {avx512, 8, 3}, {avx512, 8, 2}, {avx512, 8, 1}, {avx2, 4, 3}, {avx2, 6, 2}, {avx2, 8, 1}} {
		tile(f.set, f.pixels, f.vectors)
	}
	for _, s := range []*isa{avx512, avx2} {
		transpose(s)
		merge(s)
		addressing(s)
		rowScale(s)
		residuals(s)
		norms(s)
		peak(s)
	}
	build.Generate()
}
