package api

import (
	"encoding/base64"
	"net/http"

	"vigil/api/problem"
	"vigil/internal/errcode"
)

var errCursor = problem.New(http.StatusUnprocessableEntity, errcode.RequestInvalid,
	"cursor is not one that a list has given: must be the next of the page before")

// cursorOf is the cursor behind an element: its key in a form that nobody is tempted to make up.
func cursorOf(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// keyOf is the key of the element that a cursor is behind; "" for none.
func keyOf(cursor string) (string, error) {
	key, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return "", errCursor
	}
	return string(key), nil
}
