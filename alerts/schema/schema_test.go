package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"vigil/alerts"
)

func TestSchemaFileIsCurrent(t *testing.T) {
	want, err := document()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from the Go type: run go generate ./alerts/schema", file)
	}
	if n := bytes.Count(want, []byte(`"description"`)); n < 30 {
		t.Errorf("the schema has %d descriptions: the comments of package alerts were not found", n)
	}
}

func readJSON(t *testing.T, path string) map[string]any {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	return doc.(map[string]any)
}

func readAsyncAPI(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	// Through JSON, so that the numbers are those that the validator expects.
	text, err = json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return plain.(map[string]any)
}

// compile returns the schema at ref, with both documents at hand.
func compile(t *testing.T, ref string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for url, doc := range map[string]any{
		"file:///schema/alert-v1.json": readJSON(t, file),
		"file:///schema/asyncapi.yaml": readAsyncAPI(t),
	} {
		if err := c.AddResource(url, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("file:///schema/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func goldenFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	return files
}

func TestGoldenFilesAreValid(t *testing.T) {
	data, message := compile(t, file), compile(t, "asyncapi.yaml#/components/messages/alert/payload")
	for _, path := range goldenFiles(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			doc := readJSON(t, path)
			if err := data.Validate(doc["data"]); err != nil {
				t.Errorf("data: %v", err)
			}
			if err := message.Validate(doc); err != nil {
				t.Errorf("message: %v", err)
			}
		})
	}
}

// What Decode refuses for want of a field, the schema must refuse too, or a consumer's own check is worth nothing.
func TestSchemaAndDecodeAgreeOnWhatIsRequired(t *testing.T) {
	s := compile(t, file)
	for _, path := range goldenFiles(t) {
		doc := readJSON(t, path)
		whole := doc["data"].(map[string]any)
		for field := range whole {
			data := maps.Clone(whole)
			delete(data, field)
			doc["data"] = data
			message, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			_, decodeErr := alerts.Decode(message)
			if schemaErr := s.Validate(data); (schemaErr == nil) != (decodeErr == nil) {
				t.Errorf("%s without %s: schema %v, Decode %v", filepath.Base(path), field, schemaErr, decodeErr)
			}
		}
	}
}

func TestScoresAndStatusAreValid(t *testing.T) {
	half := 0.5
	for name, encode := range map[string]func() ([]byte, error){
		"score": func() ([]byte, error) {
			return alerts.EncodeScore(alerts.Score{Camera: "a", Wall: time.Unix(1, 0), Regularity: &half})
		},
		"status": func() ([]byte, error) {
			return alerts.EncodeStatus(alerts.Status{
				Camera: "a", Wall: time.Unix(1, 0), State: alerts.StateFailing,
				Detail: "x",
			})
		},
		"storage": func() ([]byte, error) {
			return alerts.EncodeStorage(alerts.Storage{
				Wall: time.Unix(1, 0), State: alerts.StorageOK, FreeBytes: 7,
				FailedSeconds: 1.5,
			})
		},
	} {
		message, err := encode()
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		if err := compile(t, "asyncapi.yaml#/components/messages/"+name+"/payload").Validate(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAsyncAPINamesTheSubjects(t *testing.T) {
	channels := readAsyncAPI(t)["channels"].(map[string]any)
	subjects := map[string]string{
		"alerts": alerts.Subject("{camera}", "{phase}"), "scores": alerts.ScoreSubject("{camera}"),
		"status":  alerts.StatusSubject("{camera}"),
		"storage": alerts.StorageSubject,
	}
	for name, want := range subjects {
		if got := channels[name].(map[string]any)["address"]; got != want {
			t.Errorf("channel %s is %v, want %s", name, got, want)
		}
	}
	if !strings.HasPrefix(readAsyncAPI(t)["asyncapi"].(string), "3.") {
		t.Error("not an AsyncAPI 3 document")
	}
}
