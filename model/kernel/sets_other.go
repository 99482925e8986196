//go:build !amd64

package kernel

func nativeSets() []*Set { return nil }
