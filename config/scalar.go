package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// decimal matches numbers that every YAML reader and people interpret alike. 010 is 8 for some readers and 10 for
// others; 1_000 and .inf are numbers only for some.
var decimal = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?$`)

// numberProblem describes the problem of a number's notation and the valid one.
func numberProblem(n *yaml.Node, v any, want reflect.Type) string {
	isNumber := n.ShortTag() == "!!int" || n.ShortTag() == "!!float"
	if !isNumber || decimal.MatchString(n.Value) || !numeric(want) {
		return ""
	}
	text := strings.ReplaceAll(n.Value, "_", "")
	sign := text[:len(text)-len(strings.TrimLeft(text, "+-"))]
	digits := strings.TrimLeft(text[len(sign):], "0")
	if digits == "" || strings.HasPrefix(digits, ".") {
		digits = "0" + digits
	}
	problem, read := "is written "+excerpt(n.Value)+", must be a decimal number", fmt.Sprint(v)
	switch plain := sign + digits; {
	case decimal.MatchString(plain) && plain != read && n.ShortTag() == "!!int":
		return problem + ": " + plain + ", or " + read + " if octal was meant"
	case decimal.MatchString(plain):
		return problem + ": " + plain
	case decimal.MatchString(read):
		return problem + ": " + read
	}
	return problem
}

// numeric reports whether a value of this type is a number in the file.
func numeric(want reflect.Type) bool {
	return (want.Kind() == reflect.Int || want.Kind() == reflect.Float64) &&
		!reflect.PointerTo(want).Implements(textType)
}

// badBlank describes the position of an invisible blank or a control character in a text. Blanks inside are permitted.
func badBlank(text string) string {
	switch {
	case strings.ContainsFunc(text, unicode.IsControl):
		return "has a newline or another control character in it; must have none"
	case strings.TrimSpace(text) != text:
		return "has a blank at its beginning or its end; must have none there"
	}
	return ""
}
