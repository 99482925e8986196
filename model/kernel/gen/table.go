package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

// partMasks is a table of 24 times -1, then 24 times 0.
var partMasks operand.Mem

func maskTable() {
	partMasks = GLOBL("partMasks", RODATA|NOPTR)
	for i := range 48 {
		v := operand.U32(0)
		if i < 24 {
			v = 0xffffffff
		}
		DATA(4*i, v)
	}
}
