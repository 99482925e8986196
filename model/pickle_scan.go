package model

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// maxPickle bounds a pickle's length. A state dict of MemAE takes 6 kB, 30 kB with an optimiser's state; the objects of
// a hostile pickle take up to 200 times its length.
const maxPickle = 1 << 20

// How an opcode's argument is stored.
const (
	argNone  = 0
	argLines = -1 // two lines of text
	argLen1  = -2 // a length of 1, 4 or 8 bytes, then as many bytes
	argLen4  = -3
	argLen8  = -4
)

// opcodes maps the opcodes that torch.save writes, in any protocol, to their arguments: a number of bytes, or one of
// the constants above.
var opcodes = map[byte]int{
	'(': argNone, ')': argNone, ']': argNone, '}': argNone, '.': argNone, 'N': argNone,
	'R': argNone, 'Q': argNone, 'a': argNone, 'b': argNone, 'e': argNone, 's': argNone, 't': argNone, 'u': argNone,
	'0': argNone, '1': argNone, '2': argNone,
	'K': 1, 'M': 2, 'J': 4, 'G': 8, 'h': 1, 'j': 4, 'q': 1, 'r': 4,
	'X': argLen4, 'T': argLen4, 'U': argLen1, 'B': argLen4, 'C': argLen1, 'c': argLines,
	0x80: 1, 0x81: argNone, 0x85: argNone, 0x86: argNone, 0x87: argNone, 0x88: argNone, 0x89: argNone, 0x8a: argLen1,
	0x8b: argLen4, 0x8c: argLen1, 0x8d: argLen8, 0x8e: argLen8, 0x8f: argNone, 0x90: argNone, 0x91: argNone,
	0x92: argNone, 0x96: argLen8, 0x93: argNone, 0x94: argNone, 0x95: 8,
}

// scanPickle finds the end of the pickle at the start of b, and ensures that a reader which trusts every length in it
// allocates no more than the pickle's size.
func scanPickle(b []byte) (pickle, rest []byte, err error) {
	at := 0
	for at < min(len(b), maxPickle) {
		op := b[at]
		at++
		if op == '.' {
			return b[:at], b[at:], nil
		}
		arg, ok := opcodes[op]
		if !ok {
			return nil, nil, fmt.Errorf("opcode 0x%02x at byte %d of the pickle is not one that PyTorch writes", op,
				at-1)
		}
		n, err := argument(b[at:], arg)
		if err != nil {
			return nil, nil, fmt.Errorf("byte %d of the pickle: %w", at-1, err)
		}
		// A frame announces what follows it; the reader fetches that whole.
		if op == 0x95 && binary.LittleEndian.Uint64(b[at:]) > uint64(len(b)-at-n) {
			return nil, nil, fmt.Errorf("byte %d of the pickle: %w", at-1, errTruncated)
		}
		at += n
	}
	if at >= maxPickle {
		return nil, nil, fmt.Errorf("the pickle is longer than %d bytes, too long for a state dict of MemAE", maxPickle)
	}
	return nil, nil, errTruncated
}

var errTruncated = errors.New("truncated")

// argument is the number of bytes of an opcode's argument.
func argument(b []byte, kind int) (int, error) {
	size := map[int]int{argLen1: 1, argLen4: 4, argLen8: 8}[kind]
	switch {
	case kind == argLines:
		n := 0
		for range 2 {
			i := bytes.IndexByte(b[n:], '\n')
			if i < 0 {
				return 0, errTruncated
			}
			n += i + 1
		}
		return n, nil
	case size == 0:
		if kind > len(b) {
			return 0, errTruncated
		}
		return kind, nil
	case size > len(b):
		return 0, errTruncated
	}
	n := uint64(0)
	for i := size - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	if n > uint64(len(b)-size) {
		return 0, errTruncated
	}
	return size + int(n), nil
}
