// Package names gives sources distinct names that never contain a password.
package names

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"vigil/alerts"
	"vigil/capture/source"
)

// Recordings names recordings in tables and messages: by their base names, with as many parent folders as needed to
// distinguish them. The order of the sources does not matter.
func Recordings(sources []source.Address) []string {
	return distinct(sources, func(_ int, parts []string) string { return strings.Join(parts, "/") },
		func(name string, n int) string { return fmt.Sprintf("%s (%d)", name, n) })
}

// Cameras names cameras by their sources in the same way: rtsp://a/stream1 and rtsp://b/stream1 become a-stream1 and
// b-stream1. Only the redacted form of an address is used, since names appear in subjects and logs.
func Cameras(sources []source.Address) []string {
	join := func(i int, parts []string) string {
		if len(parts) == 1 {
			return alerts.CameraName(sources[i].String())
		}
		return alerts.CameraName(strings.Join(parts, "-"))
	}
	return distinct(sources, join, func(name string, n int) string { return fmt.Sprintf("%s-%d", name, n) })
}

// Files returns the Recordings names without extensions, as parts of file names: slashes are dashes. An extension that
// alone distinguishes two stays.
func Files(sources []source.Address) []string {
	names := Recordings(sources)
	stems := make([]string, len(names))
	count := map[string]int{}
	for i, name := range names {
		stems[i] = strings.TrimSuffix(name, filepath.Ext(name))
		count[stems[i]]++
	}
	for i, name := range names {
		if count[stems[i]] > 1 {
			stems[i] = name
		}
		stems[i] = strings.ReplaceAll(stems[i], "/", "-")
	}
	return stems
}

// distinct names each source by the shortest suffix of its address that no other has, formatted by join. Sources with
// identical addresses, for example except for their passwords, are numbered in a fixed order.
func distinct(sources []source.Address, join func(i int, parts []string) string,
	number func(name string, n int) string,
) []string {
	parts := make([][]string, len(sources))
	depth := make([]int, len(sources))    // number of trailing parts in the name
	whole := make([]string, len(sources)) // name of all parts
	for i, s := range sources {
		parts[i], depth[i] = addressParts(s), 1
		whole[i] = join(i, parts[i])
	}
	name := func(i int) string { return join(i, parts[i][len(parts[i])-depth[i]:]) }
	for {
		sharing := map[string][]int{}
		for i := range sources {
			sharing[name(i)] = append(sharing[name(i)], i)
		}
		longer := false
		for _, all := range sharing {
			for _, i := range all {
				others := slices.ContainsFunc(all, func(j int) bool { return whole[j] != whole[i] })
				if others && depth[i] < len(parts[i]) {
					depth[i]++
					longer = true
				}
			}
		}
		if !longer {
			return numbered(sources, sharing, number)
		}
	}
}

// numbered names the sources that share a name, the first by order of address without a number.
func numbered(sources []source.Address, sharing map[string][]int, number func(name string, n int) string) []string {
	out := make([]string, len(sources))
	for name, all := range sharing {
		slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(sources[a].Reveal(), sources[b].Reveal()) })
		n := 1
		for k, i := range all {
			out[i] = name
			for k > 0 && (out[i] == name || sharing[out[i]] != nil) {
				n++
				out[i] = number(name, n)
			}
		}
	}
	return out
}

// addressParts returns the parts of an address between slashes, beginning with the host, without secrets.
func addressParts(a source.Address) []string {
	text := a.String()
	if _, rest, ok := strings.Cut(text, "://"); ok && a.Live() {
		text = rest[strings.LastIndexByte(rest, '@')+1:]
	} else if !a.Live() {
		if whole, err := filepath.Abs(text); err == nil {
			text = whole
		}
	}
	parts := strings.FieldsFunc(filepath.ToSlash(text), func(r rune) bool { return r == '/' })
	if len(parts) == 0 {
		return []string{text}
	}
	return parts
}
