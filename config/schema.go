package config

import _ "embed" // for the schema

// Schema is a JSON Schema of the configuration file for editors: every key with its description, its range and its
// default. Load may still refuse what it accepts, since rules between keys are not in it. It is made from the Go types
// by go generate ./config/schema.
//
//go:embed schema.json
var Schema []byte
