package broker

import (
	"testing"

	"vigil/internal/errcode"
)

func TestServerTextCode(t *testing.T) {
	for text, want := range map[string]errcode.Code{
		"Filestore [OBJ_VIGIL_EVIDENCE] Critical write error: write 1.blk: no space left on device": errcode.StoreDiskFull,
		"Filestore [KV_VIGIL_OUTBOX] Stream state outdated, last block has additional entries":      errcode.StoreFailing,
		"JetStream failed to recover consumer":                                                      errcode.StoreFailing,
		"127.0.0.1:40404 - cid:7 - Client parser ERROR, state=0, i=0":                               errcode.ServerClient,
	} {
		if got := serverTextCode(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
