package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces every ${NAME} by the variable's value, which is not looked at again. $${ is a plain ${, and any
// other $ stands for itself. It says whether a variable was in the text.
func expand(s string, lookup func(string) (string, bool)) (text string, expanded bool, err error) {
	var b strings.Builder
	var unset []string
	for {
		before, after, found := strings.Cut(s, "${")
		if !found {
			b.WriteString(s)
			break
		}
		if plain, escaped := strings.CutSuffix(before, "$"); escaped {
			b.WriteString(plain + "${")
			s = after
			continue
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed || !variableName.MatchString(name) {
			return "", false, errors.New("has a ${ that is not ${NAME}; must name a variable of the environment (a plain ${ is written $${)")
		}
		value, ok := lookup(name)
		if !ok {
			unset = append(unset, name)
		}
		b.WriteString(before + value)
		expanded, s = true, rest
	}
	if len(unset) > 0 {
		return "", false, fmt.Errorf("needs %s from the environment; must be set there (an empty value is fine)",
			strings.Join(unset, " and "))
	}
	return b.String(), expanded, nil
}
