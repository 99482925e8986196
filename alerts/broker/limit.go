package broker

import (
	"cmp"
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"vigil/alerts"
)

const (
	// DefaultStore is enough for all streams of vigil with their default limits.
	DefaultStore = 8 << 30
	// spareBytes is the allowance for streams without a limit of their own, such as those of MQTT.
	spareBytes = 256 << 20
)

// ownStreams are vigil's own streams, whose sizes make up the limit.
var ownStreams = []string{
	Stream, "KV_" + PositionsBucket, "KV_VIGIL_ASIDE", "KV_VIGIL_ACKS", "KV_" + alerts.SwitchesBucket,
	"KV_" + alerts.CamerasBucket, "OBJ_VIGIL_EVIDENCE", "OBJ_VIGIL_TRAINING",
}

// storeLimit bounds what all streams may use on the disk. It is never below what is stored already, whatever the
// configuration: vigil must start first, then its streams shrink.
func storeLimit(o Options) int64 {
	own, others := reservedIn(o.Dir)
	return saturatingAdd(saturatingAdd(max(cmp.Or(o.MaxStore, DefaultStore), own), others), spareBytes)
}

// reservedIn returns the sum of the limits of the streams in a server's directory, vigil's and others.
func reservedIn(dir string) (own, others int64) {
	files, err := fs.Glob(os.DirFS(dir), "jetstream/*/streams/*/meta.inf")
	if err != nil {
		return 0, 0
	}
	for _, file := range files {
		var cfg struct {
			Name     string `json:"name"`
			MaxBytes int64  `json:"max_bytes"`
		}
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || json.Unmarshal(text, &cfg) != nil || cfg.MaxBytes <= 0 {
			continue // the server does not open one that cannot be read either
		}
		if slices.Contains(ownStreams, cfg.Name) {
			own = saturatingAdd(own, cfg.MaxBytes)
		} else {
			others = saturatingAdd(others, cfg.MaxBytes)
		}
	}
	return own, others
}

func saturatingAdd(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
