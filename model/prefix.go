package model

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// firstWeight is the tensor by whose name a network is found.
const firstWeight = "encoder.0.weight"

// ErrPrefix says that a file has several networks, or none of the name that was asked for.
var ErrPrefix = errors.New("say with --prefix which network is meant")

// preferredPrefixes begin the names of the network that is meant where a checkpoint holds others beside it, as a moving
// average of it.
var preferredPrefixes = []string{"state_dict.", "model_state_dict.", "model."}

// selectNetwork takes the tensors of one network out of a file's, without what its names all begin with: wrappers put
// module., model., net. or _orig_mod. before them, and training scripts put the whole into further dicts. want names
// the prefix where there are several networks; empty takes the only one. Where none is found, all tensors are
// returned, and what is missing is for InferSpec to say.
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
		return "", fmt.Errorf("no network's names begin with %s, but with %s: %w", shorten(want),
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
	return "", fmt.Errorf("%d networks, whose names begin with %s: %w", len(prefixes), quotedList(prefixes), ErrPrefix)
}

// quotedList is a few names of a file, for an error.
func quotedList(names []string) string {
	const most = 6
	if len(names) == 0 {
		return "nothing that is known"
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
