// Package docs parses the project's own pages: README.md and those in docs.
//
// A page goes in as Markdown; its code, links, anchors, tables and quoted outputs come out. Tests compare them with the
// program, and package docs/make updates the outputs.
package docs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Page is a Markdown file.
type Page struct {
	Path string // relative to the project's root, with slashes
	Text string
}

// Root returns the project folder that contains the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod in this folder or above it")
		}
		dir = filepath.Dir(dir)
	}
}

// Pages returns README.md, ARCHITECTURE.md, CONTRIBUTING.md, every page in docs and the model cards.
func Pages(root string) (pages []Page, err error) {
	paths := []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"}
	for _, folder := range []string{"docs", "weights"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(path) == ".md" && d.Type().IsRegular() {
				path, err = filepath.Rel(root, path)
				paths = append(paths, filepath.ToSlash(path))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, path := range paths {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
		if err != nil {
			return nil, err
		}
		pages = append(pages, Page{Path: path, Text: string(text)})
	}
	return pages, nil
}

// Block is a fenced block of code.
type Block struct {
	Language, Text string
}

var fenced = regexp.MustCompile("(?ms)^([ ]*)```(\\w*)\n(.*?)^[ ]*```$")

// Blocks returns a page's blocks of code, without the indentation of a block in a list.
func (p Page) Blocks() (blocks []Block) {
	for _, m := range fenced.FindAllStringSubmatch(p.Text, -1) {
		lines := strings.SplitAfter(m[3], "\n")
		for i := range lines {
			lines[i] = strings.TrimPrefix(lines[i], m[1])
		}
		blocks = append(blocks, Block{Language: m[2], Text: strings.Join(lines, "")})
	}
	return blocks
}

// prose returns the page without its blocks and comments.
func (p Page) prose() string {
	return comment.ReplaceAllString(fenced.ReplaceAllString(p.Text, ""), "")
}

var (
	comment = regexp.MustCompile(`(?s)<!--.*?-->`)
	span    = regexp.MustCompile("`([^`]+)`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)|<img src="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^(#+) (.+)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// Spans are the pieces of code within the page's sentences and tables.
func (p Page) Spans() (spans []string) {
	for _, m := range span.FindAllStringSubmatch(p.prose(), -1) {
		spans = append(spans, strings.Join(strings.Fields(m[1]), " "))
	}
	return spans
}

// Links are the targets of the page's links and pictures.
func (p Page) Links() (links []string) {
	for _, m := range link.FindAllStringSubmatch(span.ReplaceAllString(p.prose(), ""), -1) {
		links = append(links, m[1]+m[2])
	}
	return links
}

// Anchors are what a link may name behind a #, as GitHub makes them of headings.
func (p Page) Anchors() map[string]bool {
	anchors := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(p.prose(), -1) {
		anchors[strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(m[2]), ""), " ", "-")] = true
	}
	return anchors
}

// Section is what lies below a heading, up to the next one of its rank or above; it is empty without that heading.
func (p Page) Section(title string) string {
	inside, rank, from := false, 0, 0
	for _, m := range heading.FindAllStringSubmatchIndex(p.Text, -1) {
		switch depth := m[3] - m[2]; {
		case inside && depth <= rank:
			return p.Text[from:m[0]]
		case !inside && p.Text[m[4]:m[5]] == title:
			inside, rank, from = true, depth, m[1]
		}
	}
	if !inside {
		return ""
	}
	return p.Text[from:]
}

// FirstColumn are the pieces of code in the first column of the tables in a text.
func FirstColumn(text string) (names []string) {
	for row := range strings.Lines(text) {
		if cell, ok := strings.CutPrefix(row, "| "); ok {
			cell, _, _ = strings.Cut(cell, " | ")
			for _, m := range span.FindAllStringSubmatch(cell, -1) {
				names = append(names, m[1])
			}
		}
	}
	return names
}

// Output is what a command printed, as a page quotes it: a comment that names the command, and a block behind it.
//
//	<!-- output: vigil eval --list -->      the same on every machine
//	<!-- measured: vigil bench -->          depends on the machine or the time
type Output struct {
	Command  string
	Measured bool
	Text     string
}

var quoted = regexp.MustCompile("(?ms)^<!-- (output|measured): (.*?) -->\n+```(\\w*)\n(.*?)^```$")

// Outputs are the outputs that the page quotes.
func (p Page) Outputs() (outputs []Output) {
	for _, m := range quoted.FindAllStringSubmatch(p.Text, -1) {
		outputs = append(outputs, outputOf(m))
	}
	return outputs
}

func outputOf(m []string) Output {
	return Output{Command: m[2], Measured: m[1] == "measured", Text: m[4]}
}

// Refresh puts the outputs that run gives in the place of those that the page quotes.
func (p Page) Refresh(run func(Output) (string, error)) (string, error) {
	var failed error
	text := quoted.ReplaceAllStringFunc(p.Text, func(block string) string {
		m := quoted.FindStringSubmatch(block)
		out, err := run(outputOf(m))
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %s: %w", p.Path, m[2], err))
			return block
		}
		return strings.TrimSuffix(block, m[4]+"```") + strings.TrimRight(out, "\n") + "\n```"
	})
	return text, failed
}
