package api

import (
	"context"
	"regexp"

	"vigil/api/access"
)

// shown is a camera as a request may see it. The path of an address may be a secret, as that of many recorders is, and
// is only for who may operate the camera.
func shown(ctx context.Context, c Camera) Camera {
	if c.Source == "" || may(ctx, access.RoleOperate, c.Name) {
		return c
	}
	c.Source, c.Detail, c.Settings = withoutPaths(c.Source), withoutPaths(c.Detail), nil
	return c
}

var (
	address = regexp.MustCompile(`\b([a-z]+://)(?:[^\s/?#@]*@)?([^\s/?#]+)(?:[/?#](?:\S*[^\s:;,.])?)?`)
	path    = regexp.MustCompile(`(^|[\s"'(=])/(?:[^\s:/"']+/)+`)
)

// withoutPaths leaves the hosts of the addresses in a text, and the names of files.
func withoutPaths(text string) string {
	return path.ReplaceAllString(address.ReplaceAllString(text, "$1$2"), "$1")
}
