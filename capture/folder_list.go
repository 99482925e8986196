package capture

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var imageKinds = []string{".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm", ".ppm"}

// listImages returns the paths of a folder's images in natural order. It skips hidden files and names without an image
// extension. An image name that is not a regular file is an error, because opening a named pipe would block forever.
func listImages(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if name[0] == '.' || !slices.Contains(imageKinds, strings.ToLower(filepath.Ext(name))) {
			continue
		}
		if err := checkRegular(filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the folder has no image in it: none of its %d entries is a file named *%s",
			len(entries), strings.Join(imageKinds, ", *"))
	}
	slices.SortFunc(names, naturalOrder)
	for i, name := range names {
		names[i] = filepath.Join(dir, name)
	}
	return names, nil
}

// naturalOrder compares numbers in names by value: img2 before img10. Names that differ only in leading zeros are
// compared by their bytes.
func naturalOrder(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		if isDigit(x[0]) && isDigit(y[0]) {
			var m, n string
			m, x = cutNumber(x)
			n, y = cutNumber(y)
			if len(m) != len(n) {
				return len(m) - len(n)
			}
			if c := strings.Compare(m, n); c != 0 {
				return c
			}
			continue
		}
		if x[0] != y[0] {
			return int(x[0]) - int(y[0])
		}
		x, y = x[1:], y[1:]
	}
	if len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(a, b)
}

// cutNumber splits s after its leading digits; digits are returned without leading zeros.
func cutNumber(s string) (digits, rest string) {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return strings.TrimLeft(s[:n], "0"), s[n:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
