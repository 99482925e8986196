package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"vigil/capture/source"
)

// described describes a value of the file for a message, without revealing a secret.
func described(v any, to reflect.Value) string {
	secret := to.Type() == reflect.TypeFor[Secret]() || to.Type() == reflect.TypeFor[source.Address]()
	switch x := v.(type) {
	case map[string]any:
		return "a map"
	case []any:
		return "a list"
	case time.Time:
		return "a date"
	case fromEnv:
		return environmentValue
	case string:
		if !secret {
			return quoted(x)
		}
		return "text"
	case bool:
		return fmt.Sprint(x)
	}
	if secret {
		return "a number"
	}
	return fmt.Sprintf("the number %v", v)
}

// environmentValue replaces a value of the environment, which may be a secret.
const environmentValue = "a value of the environment"

func quoted(s string) string { return `"` + excerpt(s) + `"` }

// excerpt shortens a text of the file for a message: one line, and no address, which may contain a password.
func excerpt(s string) string {
	if strings.Contains(s, "://") || strings.ContainsRune(s, '@') {
		return redacted
	}
	const longest = 40
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest]) + "…"
	}
	q := fmt.Sprintf("%q", s)
	return q[1 : len(q)-1]
}
