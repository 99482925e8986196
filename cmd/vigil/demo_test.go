//go:build cgo && gocv_videoio

package main

import (
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Fifty seconds of the first day hold two incidents, one of them a cart, which even weak weights find.
func TestDemoFindsTheCart(t *testing.T) {
	dir := t.TempDir()
	out := mustVigil(t, "demo", "-m", "../../weights/street.safetensors", "-o", dir, "--for", "50s", "--json")
	var result demoResult
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if result.Found < 1 || result.False != 0 || !result.Kinds["cart"] {
		t.Errorf("found %+v, want the cart and no false alarm", result)
	}
	f, err := os.Open(filepath.Join(dir, "alert-1.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if img, err := png.Decode(f); err != nil || img.Bounds().Dx() != 320 || img.Bounds().Dy() != 240 {
		t.Errorf("the picture of the alert: %v", err)
	}
}

func TestDemoRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"--for":               {"demo", "--for", "1s"},
		"none.safetensors":    {"demo", "-m", "none.safetensors"},
		"unknown command":     {"demon"},
		"for \"vigil demo\"":   {"demo", "x"},
		"invalid argument \"": {"demo", "--seed", "x"},
	} {
		code, _, errs := vigil(t, args...)
		if code == exitDone || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d, want %q:\n%s", args, code, want, errs)
		}
	}
}
