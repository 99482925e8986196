package api

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"

	"vigil/api/access"
)

// shown is a camera as a request may see it. The path of an address may be a secret, as that of many recorders is, and
// is only for who may operate the camera.
func shown(ctx context.Context, c Camera) Camera {
	if c.Source == "" || may(ctx, access.RoleOperate, c.Name) {
		return c
	}
	short := filepath.Base(c.Source)
	if u, err := url.Parse(c.Source); err == nil && u.Host != "" {
		short = u.Scheme + "://" + u.Host
	}
	c.Detail = strings.ReplaceAll(c.Detail, c.Source, short)
	c.Source, c.Settings = short, nil
	return c
}
