package train

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"vigil/model"
)

// TestDamagedCheckpoint expects any change of a checkpoint to be detected, and a checkpoint of an earlier version,
// without a checksum, to be resumed.
func TestDamagedCheckpoint(t *testing.T) {
	cfg := micro(t)
	stopAt(t, cfg, 2)
	path := CheckpointPath(cfg.Out)
	whole := content(t, path)
	cfg.Resume = true
	damaged := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), cfg, testVideos()); err == nil || !strings.Contains(err.Error(), path) ||
			!strings.Contains(err.Error(), "the checkpoint is damaged") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// One bit of the last value and of one in the middle. Both values stay finite, so only the checksum detects it.
	for name, at := range map[string]int{
		"the last value":    len(whole) - 4,
		"one in the middle": len(whole) - len(whole)/4&^3,
	} {
		data := append([]byte(nil), whole...)
		data[at] ^= 1
		damaged(name, data)
	}
	text := string(whole)
	damaged("the state", []byte(strings.Replace(text, `\"step\":2`, `\"step\":3`, 1)))
	damaged("the checksum's name", []byte(strings.Replace(text, sumKey, "sha257", 1)))

	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	tensors, meta, err := model.ReadSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	var s state
	if err := json.Unmarshal([]byte(meta[stateKey]), &s); err != nil {
		t.Fatal(err)
	}
	s.Summed = false
	older, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := model.WriteSafetensors(path, tensors, map[string]string{stateKey: string(older)}); err != nil {
		t.Fatal(err)
	}
	mustRun(t, cfg)
}

// TestOutIsADevice writes the weights to a device: once, at the end, and without a checkpoint.
func TestOutIsADevice(t *testing.T) {
	cfg := micro(t)
	cfg.Out = os.DevNull
	mustRun(t, cfg)
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Errorf("%s is %v, %v", os.DevNull, info.Mode(), err)
	}
	if _, err := os.Stat(CheckpointPath(os.DevNull)); err == nil {
		t.Error("there is a checkpoint beside the device")
	}
}
