package config

import "testing"

func TestExpand(t *testing.T) {
	env := map[string]string{
		"A": "one", "EMPTY": "", "NESTED": "${A}", "_x9": "nine",
		"RAW": "2024/Ga?te#@ 50% [ä]", "DONE": "2024%2FGate%40", "LOGIN": "viewer:pass", "LINE": "right\r\n\n",
		"MORE": "a\nb\n",
	}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	for in, want := range map[string]string{
		"":               "",
		"plain":          "plain",
		"${A}":           "one",
		"<${A}${A}>":     "<oneone>",
		"${EMPTY}":       "",
		"${NESTED}":      "${A}", // a value is not expanded again.
		"${_x9}":         "nine",
		"$A $$ $ 5$":     "$A $$ $ 5$",
		"$${A}":          "${A}",
		"$$${A}":         "$${A}",
		"$${A} is ${A}":  "${A} is one",
		"$${ not closed": "${ not closed",

		"rtsp://u:${RAW}@h/s":        "rtsp://u:2024%2FGa%3Fte%23%40%2050%25%20%5B%C3%A4%5D@h/s",
		"RTSP://${RAW}:${RAW}@h":     "RTSP://2024%2FGa%3Fte%23%40%2050%25%20%5B%C3%A4%5D:2024%2FGa%3Fte%23%40%2050%25%20%5B%C3%A4%5D@h",
		"rtsp://u:${DONE}@h/s":       "rtsp://u:2024%2FGate%40@h/s", // is encoded already
		"rtsp://${LOGIN}@h/s":        "rtsp://viewer:pass@h/s",
		"rtsp://u:p@${A}/s":          "rtsp://u:p@one/s",
		"rtsp://h/${RAW}@x":          "rtsp://h/2024/Ga?te#@ 50% [ä]@x", // not a login, like an address without one
		"rtsp://${A}/u@${RAW}":       "rtsp://one/u@2024/Ga?te#@ 50% [ä]",
		"http://h/?a=${RAW}":         "http://h/?a=2024/Ga?te#@ 50% [ä]",
		"${RAW}@h":                   "2024/Ga?te#@ 50% [ä]@h",
		"${LINE}":                    "right",
		"${LINE}.":                   "right.",
		"${MORE}":                    "a\nb",
		"rtsp://${A}:${LINE}${A}@h/": "rtsp://one:rightone@h/",
	} {
		got, expanded, err := expand(in, lookup)
		if err != nil || got != want {
			t.Errorf("%q is expanded to %q, %v; want %q", in, got, err, want)
		}
		if wantExpanded := in != "$${A}" && got != in && in != "$$${A}" &&
			in != "$${ not closed"; expanded != wantExpanded {
			t.Errorf("%q: expanded is %v", in, expanded)
		}
	}
	const malformed = "has a ${ that is not ${NAME}; must name a variable of the environment (a plain ${ is written " +
		"$${)"
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
