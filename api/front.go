package api

import (
	"io"
	"net/http"
)

// frontPage is what a browser finds at /.
const frontPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>vigil</title>
<h1>vigil runs</h1>
<ul>
<li><a href="/api/v1/cameras">Cameras</a>
<li><a href="/api/v1/alerts">Alerts</a>
<li><a href="/api/v1/health">What works</a>
<li><a href="/api/v1/session">Your login</a>
<li><a href="/metrics">Metrics</a>
<li><a href="/api/openapi.json">The API, described for programs</a>
</ul>
</html>
`

// Front serves a page with links to what there is.
func Front(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, frontPage) // the client has left if it fails
}
