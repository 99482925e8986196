package config

import "testing"

func TestExpand(t *testing.T) {
	env := map[string]string{"A": "one", "EMPTY": "", "NESTED": "${A}", "_x9": "nine"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	for in, want := range map[string]string{
		"":               "",
		"plain":          "plain",
		"${A}":           "one",
		"<${A}${A}>":     "<oneone>",
		"${EMPTY}":       "",
		"${NESTED}":      "${A}", // a value is not looked at again.
		"${_x9}":         "nine",
		"$A $$ $ 5$":     "$A $$ $ 5$",
		"$${A}":          "${A}",
		"$$${A}":         "$${A}",
		"$${A} is ${A}":  "${A} is one",
		"$${ not closed": "${ not closed",
	} {
		got, expanded, err := expand(in, lookup)
		if err != nil || got != want {
			t.Errorf("%q is expanded to %q, %v; want %q", in, got, err, want)
		}
		if wantExpanded := in != "$${A}" && got != in && in != "$$${A}" && in != "$${ not closed"; expanded != wantExpanded {
			t.Errorf("%q: expanded is %v", in, expanded)
		}
	}
	const malformed = "has a ${ that is not ${NAME}; must name a variable of the environment (a plain ${ is written $${)"
	const unset = " from the environment; must be set there (an empty value is fine)"
	for in, want := range map[string]string{
		"${":                malformed,
		"${A":               malformed,
		"${}":               malformed,
		"${A B}":            malformed,
		"${1}":              malformed,
		"${A:-default}":     malformed,
		"${${A}}":           malformed,
		"${MISSING}":        "needs MISSING" + unset,
		"${ONE} and ${TWO}": "needs ONE and TWO" + unset,
	} {
		if got, _, err := expand(in, lookup); err == nil || err.Error() != want {
			t.Errorf("%q is expanded to %q, %v; want the error %q", in, got, err, want)
		}
	}
}
