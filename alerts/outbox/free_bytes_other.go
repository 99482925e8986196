//go:build !(linux || darwin || freebsd)

package outbox

import "math"

// freeBytes is not supported on this system and returns the maximum.
func freeBytes(string) int64 { return math.MaxInt64 }
