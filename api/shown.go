package api

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"

	"vigil/api/access"
)

// shown is a camera as a request may see it. The path of an address may be a secret, as that of many recorders is, and
// is only for who may operate the camera.
func shown(ctx context.Context, c Camera) Camera {
	if c.Source == "" || may(ctx, access.RoleOperate, c.Name) {
		return c
	}
	short := withoutPaths(c.Source)
	if short == c.Source && !strings.Contains(short, "://") {
		short = filepath.Base(short)
		c.Detail = strings.ReplaceAll(c.Detail, c.Source, short)
	}
	c.Source, c.Detail, c.Settings = short, withoutPaths(c.Detail), nil
	return c
}

var address = regexp.MustCompile(`\b([a-z]+://)(?:[^\s/@]*@)?([^\s/]+)(/\S*[^\s:;,.]|/)?`)

// withoutPaths leaves the hosts of the addresses in a text.
func withoutPaths(text string) string { return address.ReplaceAllString(text, "$1$2") }
