//go:build linux && cgo && gocv_videoio

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"vigil/alerts"
	"vigil/api"
	"vigil/internal/alerttest"
)

// apiDocument is the part of the OpenAPI document from which requests are made.
type apiDocument struct {
	Paths      map[string]map[string]apiOperation
	Components struct{ Schemas map[string]apiSchema }
}

type apiOperation struct {
	OperationID string `json:"operationId"`
	Parameters  []struct {
		Name, In string
		Schema   apiSchema
	}
	RequestBody struct {
		Content map[string]struct{ Schema apiSchema }
	} `json:"requestBody"`
}

type apiSchema struct {
	Ref        string `json:"$ref"`
	Type       any
	Enum       []any
	Properties map[string]apiSchema
	Items      *apiSchema
	Required   []string
}

// storedID is the id of an alert that is stored.
const storedID = "01J00000000000000000000001"

// requests makes requests from the document: most are valid, or nearly so.
type requests struct {
	apiDocument
	*rand.Rand
	video string
}

// strange are texts that programs trip over.
var strange = []string{
	"", " ", "..", "../../etc/passwd", "%00", "\x00", "\"", "'", "<script>", "🐦", strings.Repeat("a", 5000), "-1", "0",
	"9223372036854775808", "1e400", "NaN", "null", "true", "*", `W/"1"`, `"18446744073709551616"`,
	"2026-02-30T25:61:00Z",
	"0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "P1D", "-2h", "999999h", "\xff\xfe", "a\r\nX: y",
}

func (q *requests) oneOf(all ...string) string { return all[q.IntN(len(all))] }

// text returns a value for a parameter or a property.
func (q *requests) text(name string) string {
	if q.IntN(12) == 0 {
		return q.oneOf(strange...)
	}
	switch name {
	case "name", "camera":
		return q.oneOf("c0", "yard", "hall", "yard", "hall", "gone")
	case "id":
		return q.oneOf("01J0000000000000000000000Z", storedID, storedID, storedID)
	case "file":
		return q.oneOf("clip-1.mp4", "still-1.jpg")
	case "code":
		return q.oneOf("camera.unknown", "none.such")
	case "limit":
		return strconv.Itoa(q.IntN(1100) - 50)
	case "check":
		return q.oneOf("0", "0", "0", "1", "true")
	case "heatmap", "normal":
		return q.oneOf("1", "true", "false", "2")
	case "If-Match":
		return q.oneOf(`"1"`, "*", "*", "*", "*", "*")
	case "Last-Event-ID":
		return q.oneOf("", "x", "dn8oxsg3x336-2")
	case "cursor":
		return q.oneOf("", "", "", "eA", "x y")
	case "from", "to", "until":
		return q.oneOf("2026-01-01T00:00:00Z", "2027-01-01T00:00:00+02:00", "tomorrow")
	case "for":
		return q.oneOf("90s", "2h", "forever")
	case "kind":
		return q.oneOf("score", "state", "alert", "state,alert")
	case "source":
		return q.oneOf(q.video, q.video, q.video, q.video, "rtsp://user:hunter2hunter2@127.0.0.1:1/x", "/etc/passwd",
			"file:///dev/zero")
	}
	return q.oneOf("a", "b", "x y")
}

func (q *requests) resolve(s apiSchema) apiSchema {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return q.Components.Schemas[name]
	}
	return s
}

// value returns a value of a schema, or now and then another one.
func (q *requests) value(name string, s apiSchema, depth int) any {
	s = q.resolve(s)
	if q.IntN(30) == 0 || depth > 6 {
		return []any{nil, -1, 1e300, true, "x", []any{}, map[string]any{}, q.oneOf(strange...)}[q.IntN(8)]
	}
	if len(s.Enum) > 0 {
		return s.Enum[q.IntN(len(s.Enum))]
	}
	switch s.Type {
	case "object":
		v := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
			if slices.Contains(s.Required, key) && q.IntN(30) > 0 || q.IntN(2) == 0 {
				v[key] = q.value(key, s.Properties[key], depth+1)
			}
		}
		if q.IntN(2) == 0 && s.Properties["source"].Type != nil {
			v["name"], v["source"] = q.text("name"), q.text("source")
			v["threshold"] = map[string]any{"lo": 0.1, "theta": 0.5}
		}
		if q.IntN(4) == 0 {
			v[q.oneOf("hop", "threshold", "zones", "masks", "detector", "unknown", "model")] = []any{
				4,
				map[string]any{"lo": 0.1, "theta": 0.5},
				map[string]any{"lo": 2, "theta": -1},
				"x",
				[]any{[]any{1, 2}},
			}[q.IntN(5)]
		}
		return v
	case "array":
		v := []any{}
		for range q.IntN(3) {
			v = append(v, q.value(name, *s.Items, depth+1))
		}
		return v
	case "integer", "number":
		return q.IntN(100) - 10
	case "boolean":
		return q.IntN(2) == 0
	}
	return q.text(name)
}

// request makes one for an operation.
func (q *requests) request(t *testing.T, method, path string, op apiOperation) *http.Request {
	t.Helper()
	query, header := url.Values{}, http.Header{}
	for _, p := range op.Parameters {
		text := q.text(p.Name)
		switch {
		case p.In == "path":
			if text == "" || text == ".." {
				text = "gone"
			}
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(text))
		case q.IntN(4) == 0:
		case p.In == "query":
			query.Add(p.Name, text)
		case p.In == "header" && !strings.ContainsAny(text, "\x00\r\n"):
			header.Set(p.Name, text)
		}
	}
	if q.IntN(10) == 0 {
		query.Add("unknown", "x")
	}
	var body []byte
	for media, content := range op.RequestBody.Content {
		v := q.value("", content.Schema, 0)
		if settings, ok := v.(map[string]any); ok && method == "put" {
			delete(settings, "name") // it is in the path
		}
		var err error
		if body, err = json.Marshal(v); err != nil {
			t.Fatal(err)
		}
		switch q.IntN(20) {
		case 0:
			body = body[:len(body)/2]
		case 1:
			body = []byte(q.oneOf(strange...))
		}
		if q.IntN(10) == 0 {
			media = q.oneOf("text/plain", "application/xml", "")
		}
		header.Set("Content-Type", media)
	}
	address := "http://vigil" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(t.Context(), strings.ToUpper(method), address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	return r
}

// Requests that are made from the OpenAPI document, valid and not, never fail within vigil, and every answer is as the
// document says. VIGIL_FUZZ is the number of requests of each route.
func TestAPIAgainstDocument(t *testing.T) {
	r := startReloading(t, 2, func(r *reloading) map[string]string {
		r.calibrate("c0", 0.2)
		return map[string]string{"c0": ", calibration: c0.json"}
	})
	c := r.api()
	a := alerttest.Event("c0", storedID, 1, alerts.PhaseStart)
	if err := r.sinks.Conn().Publish(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	doc, err := libopenapi.NewDocument(api.Document())
	if err != nil {
		t.Fatal(err)
	}
	check, errs := validator.NewValidator(doc)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if ok, problems := check.ValidateDocument(); !ok {
		t.Fatalf("the document is not valid: %v", problems)
	}
	q := &requests{Rand: rand.New(rand.NewPCG(7, 1)), video: r.video}
	if err := json.Unmarshal(api.Document(), &q.apiDocument); err != nil {
		t.Fatal(err)
	}
	rounds := 60
	if n, err := strconv.Atoi(os.Getenv("VIGIL_FUZZ")); err == nil {
		rounds = n
	}
	answered := map[string]map[int]int{}
	for range rounds {
		for _, path := range slices.Sorted(maps.Keys(q.Paths)) {
			for _, method := range slices.Sorted(maps.Keys(q.Paths[path])) {
				op := q.Paths[path][method]
				if method == "delete" && q.IntN(4) > 0 { // too many leave no cameras to change
					continue
				}
				req := q.request(t, method, path, op)
				if path == "/api/v1/events" {
					checkEvents(t, c, req)
					continue
				}
				asked := fmt.Sprintf("%s %s %.300q", req.Method, req.URL, bodyOf(req))
				res, err := c.http.Do(req)
				if err != nil {
					t.Errorf("%s: %v", asked, err)
					continue
				}
				text, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil {
					t.Errorf("%s: %v", asked, err)
				}
				if answered[op.OperationID] == nil {
					answered[op.OperationID] = map[int]int{}
				}
				answered[op.OperationID][res.StatusCode]++
				if res.StatusCode >= 500 || bytes.Contains(text, []byte("hunter2")) {
					t.Errorf("%s: %s %s", asked, res.Status, text)
				}
				res.Body = io.NopCloser(bytes.NewReader(text))
				if ok, problems := check.ValidateHttpResponse(req, res); !ok && !unescaped(req) {
					t.Errorf("%s: %s %.300s: not as the document says: %v", asked, res.Status, text, problems[0])
				}
			}
		}
	}
	for id, counts := range answered {
		t.Log(id, counts)
		ok := 0
		for status, n := range counts {
			if status < 300 {
				ok += n
			}
		}
		if ok == 0 && !slices.Contains([]string{"read-evidence", "login"}, id) {
			t.Errorf("no request of %s was valid: %v", id, counts)
		}
	}
}

// checkEvents asks for events, which come until the client leaves.
func checkEvents(t *testing.T, c *apiClient, req *http.Request) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	res, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		t.Errorf("%s: %v", req.URL, err)
		return
	}
	defer res.Body.Close()
	first := make([]byte, 6)
	_, err = io.ReadFull(res.Body, first)
	ok := res.StatusCode == http.StatusOK && string(first) == "retry:"
	if err != nil || res.StatusCode >= 500 || !ok && res.StatusCode < 400 {
		t.Errorf("%s: %s %q, %v", req.URL, res.Status, first, err)
	}
}

// unescaped reports whether the validator does not find the route of a path, which has characters that are escaped.
func unescaped(r *http.Request) bool { return r.URL.Path != r.URL.EscapedPath() }

func bodyOf(r *http.Request) []byte {
	body, err := r.GetBody()
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(body)
	return text
}
