package config

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// locateProblems joins the problems of parsing with those of the result, without those that only follow from a key that
// could not be read and those that a camera inherits from the defaults, with lines, in order.
func (t *tree) locateProblems(reading, result []Problem) []Problem {
	unread, around := map[string]bool{}, map[string]bool{}
	for _, p := range reading {
		unread[p.Key] = true
		for key := range parents(p.Key) {
			around[key] = true
		}
	}
	for _, p := range result {
		if around[p.Key] || containsParent(unread, p.Key) {
			continue
		}
		if t.expanded[p.Key] && p.got != "" {
			p.Text = strings.Replace(p.Text, p.got, environmentValue, 1)
		}
		reading = append(reading, p)
	}
	all := t.withoutInherited(reading)
	for i := range all {
		all[i].Line = cmp.Or(all[i].Line, t.line(all[i].Key))
	}
	slices.SortStableFunc(all, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return slices.Compact(all)
}

// withoutInherited drops a camera's problem if the key is not the camera's own and the defaults have the same problem.
func (t *tree) withoutInherited(all []Problem) []Problem {
	bad, same := map[string]bool{}, map[Problem]bool{}
	for _, p := range all {
		if strings.HasPrefix(p.Key, "defaults.") {
			bad[p.Key], same[Problem{Key: p.Key, Text: p.Text}] = true, true
		}
	}
	return slices.DeleteFunc(all, func(p Problem) bool {
		_, own := t.lines[p.Key]
		camera, rest, ok := strings.Cut(p.Key, "].")
		if own || !ok || !strings.HasPrefix(camera, "cameras[") {
			return false
		}
		key := "defaults." + rest
		return same[Problem{Key: key, Text: p.Text}] || !bad[key] && containsParent(bad, key)
	})
}

// line returns the line of the key, or else of the nearest parent.
func (t *tree) line(key string) int {
	for k := range parents(key) {
		if n, ok := t.lines[k]; ok {
			return n
		}
	}
	return 0
}

// parents yields the key and its parents, innermost first.
func parents(key string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for key != "" && yield(key) {
			key = key[:max(strings.LastIndexAny(key, ".["), 0)]
		}
	}
}

// containsParent reports whether the set contains the key or a parent.
func containsParent(set map[string]bool, key string) bool {
	for k := range parents(key) {
		if set[k] {
			return true
		}
	}
	return false
}
