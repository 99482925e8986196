package config

import _ "embed" // for the example.

// Example is a configuration to start from, with comments: the file vigil.example.yaml.
//
//go:embed example.yaml
var Example []byte
