package config

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML returns the whole configuration as a file, with all defaults. Passwords, tokens and the secret parts of a source
// are ***; without any of these, Load returns the same Config.
func (c Config) YAML() ([]byte, error) {
	var root yaml.Node
	if err := root.Encode(c); err != nil {
		return nil, fmt.Errorf("encoding the configuration: %w", err)
	}
	tidy(&root)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&root); err != nil {
		return nil, fmt.Errorf("encoding the configuration: %w", err)
	}
	return b.Bytes(), e.Close()
}

// tidy writes points as [x, y], omits unset values, and escapes what Load would expand.
func tidy(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		n.Value = strings.ReplaceAll(n.Value, "${", "$${")
	}
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); {
			if isNull(n.Content[i+1]) {
				n.Content = append(n.Content[:i], n.Content[i+2:]...)
				continue
			}
			i += 2
		}
	}
	for _, c := range n.Content {
		tidy(c)
		if c.Kind == yaml.MappingNode && len(c.Content) == 4 && c.Content[0].Value == "x" && c.Content[2].Value == "y" {
			*c = yaml.Node{
				Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle,
				Content: []*yaml.Node{c.Content[1], c.Content[3]},
			}
			n.Style = yaml.FlowStyle
		}
	}
}
