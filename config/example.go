package config

import _ "embed" // for the example.

//go:generate cp example.yaml ../vigil.example.yaml

// Example is a configuration to start from, with comments. go generate copies it to vigil.example.yaml, and a
// test compares the two.
//
//go:embed example.yaml
var Example []byte
