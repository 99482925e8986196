package access

import (
	"sync/atomic"

	"vigil/internal/errcode"
)

// refusals are the codes of the errors with which requests are refused.
var refusals = []errcode.Code{
	errcode.AccessLogin, errcode.AccessDenied, errcode.AccessWrongLogin, errcode.AccessLimited, errcode.AccessOrigin,
	errcode.AccessFile, errcode.CameraUnknown,
}

// refused counts the requests that were refused, as refusals.
type refused []atomic.Uint64

func (r refused) add(err error) {
	for i, code := range refusals {
		if errcode.Of(err) == code {
			r[i].Add(1)
		}
	}
}

// Refused returns how many requests were refused, by the code of the error.
func (g *Guard) Refused() map[errcode.Code]uint64 {
	all := map[errcode.Code]uint64{}
	for i, code := range refusals {
		all[code] = g.refused[i].Load()
	}
	return all
}
