//go:build cgo && gocv_videoio

package capture

// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "guard.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"vigil/capture/source"
	"vigil/internal/errcode"
)

// guard restricts FFmpeg's connections for one camera to the allowed hosts. See guard.c.
type guard struct {
	g     *C.vigil_guard
	own   string // the camera's host if FFmpeg must reach it only through a tunnel
	freed bool
}

// newGuard returns a guard for an address. It must be freed. With a tunnel, the tunnel's host replaces the camera's.
func newGuard(addr source.Address, o Options, t *tunnel) (*guard, error) {
	if C.vigil_guard_works() == 0 {
		return nil, errors.New(
			"this build of vigil cannot keep a camera from leading it to other hosts, as it is linked with FFmpeg: " +
				"cameras with a URL need a " +
				"build for Linux that is linked dynamically")
	}
	all, err := hostsOf(addr, o.Follow)
	if err != nil {
		return nil, err
	}
	g := &guard{g: C.vigil_guard_new()}
	if g.g == nil {
		return nil, errors.New("no memory for FFmpeg")
	}
	w := addr.URL()
	if t != nil {
		g.own = w.Host
		all[0] = t.host()
	} else {
		all = append(all, source.Host{Name: strings.ReplaceAll(w.Host, "%", "%25")}) // FFmpeg decodes nothing
	}
	for _, h := range all {
		if err := g.allow(h); err != nil {
			g.free()
			return nil, err
		}
	}
	return g, nil
}

func (g *guard) allow(h source.Host) error {
	name := C.CString(h.Name)
	defer C.free(unsafe.Pointer(name))
	if C.vigil_guard_allow(g.g, name, C.int(h.Port)) != 0 {
		return fmt.Errorf("follow: %q is one host too many, or its name is too long", h.Name)
	}
	return nil
}

// do runs f under the guard, for calls into FFmpeg that do not go through vigil_open and its like. A nil guard allows
// everything.
func (g *guard) do(f func()) {
	if g == nil {
		f()
		return
	}
	runtime.LockOSThread() // the guard is thread-local
	defer runtime.UnlockOSThread()
	C.vigil_guard_enter(g.g)
	defer C.vigil_guard_enter(nil)
	f()
}

// refused returns an error for the host to which a connection was refused, or nil.
func (g *guard) refused() error {
	if g == nil || g.freed {
		return nil
	}
	host := plainHost(C.GoString(C.vigil_guard_refused(g.g)))
	switch {
	case host == "":
		return nil
	case g.own != "" && (host == g.own || strings.HasPrefix(host, g.own+":") || strings.HasPrefix(host, "["+g.own+"]")):
		return errcode.CameraUntrustedCertificate.Wrap(fmt.Errorf(
			"%w: the camera refers to %s by its own address, which bypasses the connection whose certificate was "+
				"verified "+
				"(key trust)", ErrRefused, host))
	}
	return &OtherHostError{Host: host}
}

func (g *guard) free() {
	if g != nil && !g.freed {
		C.vigil_guard_free(g.g)
		g.freed = true
	}
}

// tooLarge returns an error if a frame was refused for its size since the previous call, else nil. The record is one
// for the whole process, so call it only when a frame is missing.
func tooLarge() error {
	var w, h C.int
	if C.vigil_too_large(&w, &h) == 0 { //nolint:gocritic // what cgo makes of a pointer compares it with itself
		return nil
	}
	return checkPixels(int(w), int(h))
}
