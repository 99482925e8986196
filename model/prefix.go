package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vigil/internal/errcode"
)

// firstWeight is the tensor whose name identifies a network.
const firstWeight = "encoder.0.weight"

// ErrPrefix says that a file has several networks, or none with the requested prefix.
var ErrPrefix = errcode.WeightsChoosePrefix.New("choose the network with --prefix")

// preferredPrefixes are the prefixes to choose if a checkpoint also holds other networks, such as a moving average.
var preferredPrefixes = []string{"state_dict.", "model_state_dict.", "model."}

// selectNetwork returns the tensors of one network, with the common prefix of their names removed: wrappers prepend
// module., model., net. or _orig_mod., and training scripts nest the state dict in further dicts. want selects the
// prefix if there are several networks; empty selects the only one. If no network is found, all tensors are returned,
// and InferSpec reports what is missing.
func selectNetwork[T any](all map[string]T, want string) (map[string]T, error) {
	var prefixes []string
	for name := range all {
		if p, ok := strings.CutSuffix(name, firstWeight); ok && (p == "" || strings.HasSuffix(p, ".")) {
			prefixes = append(prefixes, p)
		}
	}
	slices.Sort(prefixes)
	if want != "" && !strings.HasSuffix(want, ".") {
		want += "."
	}
	prefix, err := choosePrefix(prefixes, want)
	if err != nil {
		return nil, err
	}
	network := map[string]T{}
	for name, t := range all {
		inner := slices.ContainsFunc(prefixes, func(p string) bool {
			return len(p) > len(prefix) &&
				strings.HasPrefix(name, p)
		})
		if short, ok := strings.CutPrefix(name, prefix); ok && !inner {
			network[short] = t
		}
	}
	return network, nil
}

func choosePrefix(prefixes []string, want string) (string, error) {
	switch {
	case want != "" && !slices.Contains(prefixes, want):
		return "", fmt.Errorf("no network has the prefix %s, the file has %s: %w", shorten(want),
			quotedList(prefixes), ErrPrefix)
	case want != "":
		return want, nil
	case len(prefixes) == 0:
		return "", nil
	case len(prefixes) == 1 || prefixes[0] == "":
		return prefixes[0], nil
	}
	for _, likely := range preferredPrefixes {
		var under []string
		for _, p := range prefixes {
			if strings.HasPrefix(p, likely) {
				under = append(under, p)
			}
		}
		if len(under) == 1 {
			return under[0], nil
		}
	}
	return "", fmt.Errorf("%d networks, with the prefixes %s: %w", len(prefixes), quotedList(prefixes), ErrPrefix)
}

// quotedList lists a few names of a file for an error message.
func quotedList(names []string) string {
	const most = 6
	if len(names) == 0 {
		return "no known name"
	}
	var out []string
	for _, name := range names[:min(most, len(names))] {
		out = append(out, shorten(name))
	}
	if more := len(names) - most; more > 0 {
		out = append(out, fmt.Sprintf("%d more", more))
	}
	return strings.Join(out, ", ")
}

// listNames lists a few of a file's tensors.
func listNames[T any](all map[string]T) string { return quotedList(slices.Sorted(maps.Keys(all))) }
