package main

import (
	"encoding/json"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/evidence"
	"vigil/alerts/outbox"
	"vigil/config"
	"vigil/eval"
	"vigil/internal/docs"
)

// eachPage calls check with every page of the documentation; root is the project's folder.
func eachPage(t *testing.T, check func(t *testing.T, root string, p docs.Page)) {
	t.Helper()
	root, err := docs.Root()
	if err != nil {
		t.Fatal(err)
	}
	pages, err := docs.Pages(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		t.Run(p.Path, func(t *testing.T) { check(t, root, p) })
	}
}

var (
	operator   = regexp.MustCompile(`\s*(?:\|\||&&|[|;])\s*`)
	redirected = regexp.MustCompile(`\s[0-9]?[<>]\s*\S+`)
	remark     = regexp.MustCompile(`\s+#.*$`)
	aFlag      = regexp.MustCompile(`^--[a-z][a-z-]*`)
	goTest     = regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]\w*$`)
)

// commandLines are the commands of vigil in a text of a shell, as arguments.
func commandLines(text string) (lines [][]string) {
	for line := range strings.Lines(text) {
		line = remark.ReplaceAllString(strings.TrimSpace(line), "")
		for _, part := range operator.Split(line, -1) {
			words := strings.Fields(strings.Trim(redirected.ReplaceAllString(part, ""), "() "))
			if len(words) > 1 && (words[0] == "vigil" || words[0] == "bin/vigil") {
				lines = append(lines, words[1:])
			}
		}
	}
	return lines
}

// Every command that a page shows is one: its flags exist and have values, and it has as many arguments as it takes.
func TestPagesCommands(t *testing.T) {
	eachPage(t, func(t *testing.T, _ string, p docs.Page) {
		var lines [][]string
		for _, b := range p.Blocks() {
			if b.Language == "sh" {
				lines = append(lines, commandLines(b.Text)...)
			}
		}
		for _, o := range p.Outputs() {
			lines = append(lines, commandLines(o.Command)...)
		}
		for _, args := range lines {
			if slices.Equal(args, []string{"camera-process"}) {
				continue // main answers it before there are commands
			}
			cmd, rest, err := rootCommand().Find(args)
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err == nil {
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err != nil {
				t.Errorf("vigil %s: %v", strings.Join(args, " "), err)
			}
		}
	})
}

// Commands within sentences name a command and its flags, and need no arguments.
func TestPagesMentionCommandsAndFlags(t *testing.T) {
	flags := map[string]bool{"--help": true}
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		add := func(f *pflag.Flag) { flags["--"+f.Name] = true }
		c.Flags().VisitAll(add)
		c.PersistentFlags().VisitAll(add)
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(rootCommand())
	eachPage(t, func(t *testing.T, _ string, p docs.Page) {
		for _, span := range p.Spans() {
			words := strings.Fields(span)
			if words[0] == "vigil" && len(words) > 1 && words[1] != "camera-process" {
				root := rootCommand()
				root.InitDefaultCompletionCmd() // which cobra adds when it runs
				cmd, rest, err := root.Find(words[1:])
				if err != nil || !cmd.HasParent() {
					t.Errorf("%s: there is no such command", span)
				} else if cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
					t.Errorf("%s: there is no such command", span)
				}
			}
			for _, w := range words {
				if name := aFlag.FindString(w); name != "" && words[0] != "ffmpeg" && !flags[name] {
					t.Errorf("%s: there is no flag %s", span, name)
				}
			}
		}
	})
}

// Every command has its place in the overview.
func TestPageOfCommandsIsComplete(t *testing.T) {
	text, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	named := docs.FirstColumn(string(text))
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			switch {
			case sub.Hidden || sub.Name() == "help" || sub.Name() == "completion":
			case sub.Runnable() && !slices.Contains(named, sub.CommandPath()) && !sub.HasSubCommands():
				t.Errorf("docs/commands.md does not name '%s'", sub.CommandPath())
			default:
				visit(sub)
			}
		}
	}
	visit(rootCommand())
}

// Links lead to files and headings that exist; pictures are small.
func TestPagesLinks(t *testing.T) {
	anchors := map[string]map[string]bool{}
	eachPage(t, func(_ *testing.T, _ string, p docs.Page) { anchors[p.Path] = p.Anchors() })
	eachPage(t, func(t *testing.T, root string, p docs.Page) {
		for _, link := range p.Links() {
			if strings.Contains(link, "://") {
				continue
			}
			file, anchor, _ := strings.Cut(link, "#")
			target := p.Path
			if file != "" {
				target = path.Join(path.Dir(p.Path), file)
			}
			info, err := os.Stat(filepath.Join(root, filepath.FromSlash(target)))
			switch {
			case err != nil:
				t.Errorf("%s: %v", link, err)
			case path.Ext(target) == ".jpg" && info.Size() > 150<<10:
				t.Errorf("%s has %d bytes", target, info.Size())
			case anchor != "" && !anchors[target][anchor]:
				t.Errorf("%s: %s has no such heading", link, target)
			}
		}
	})
}

// The index of each folder of docs links every page in it.
func TestPagesAreListed(t *testing.T) {
	listed := map[string]bool{}
	eachPage(t, func(_ *testing.T, _ string, p docs.Page) {
		if path.Base(p.Path) == "README.md" {
			for _, link := range p.Links() {
				listed[path.Join(path.Dir(p.Path), link)] = true
			}
		}
	})
	eachPage(t, func(t *testing.T, _ string, p docs.Page) {
		if strings.HasPrefix(p.Path, "docs/") && p.Path != "docs/README.md" && !listed[p.Path] {
			t.Errorf("no README.md in docs links it")
		}
	})
}

// Tests, files and folders of the project that a page names exist.
func TestPagesNameTestsAndFiles(t *testing.T) {
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	root, err := docs.Root()
	if err != nil {
		t.Fatal(err)
	}
	top := map[string]bool{}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		top[e.Name()] = e.IsDir() && e.Name() != "weights" && e.Name() != "bin" && e.Name() != "demo"
	}
	err = filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	eachPage(t, func(t *testing.T, root string, p docs.Page) {
		for _, span := range p.Spans() {
			if goTest.MatchString(span) && !tests[span] {
				t.Errorf("there is no test %s", span)
			}
			first, _, nested := strings.Cut(span, "/")
			if nested && top[first] && !strings.ContainsAny(span, " *<{:") {
				if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(span))); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// keysOf are the keys of a configuration, as nats.embedded.port, by its schema. Those of a camera and of defaults stand
// without what is before them as well, as the pages name them.
func keysOf(t *testing.T) map[string]bool {
	t.Helper()
	text := config.Schema
	type node struct {
		Ref        string           `json:"$ref"`
		Properties map[string]*node `json:"properties"`
		Items      *node            `json:"items"`
	}
	var schema struct {
		node
		Defs map[string]*node `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	var visit func(n *node, prefix string)
	visit = func(n *node, prefix string) {
		if n == nil {
			return
		}
		if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
			visit(schema.Defs[name], prefix)
		}
		visit(n.Items, prefix)
		for name, sub := range n.Properties {
			keys[prefix+name] = true
			visit(sub, prefix+name+".")
		}
	}
	visit(&schema.node, "")
	for key := range maps.Clone(keys) {
		if _, short, ok := strings.Cut(key, "."); ok &&
			(strings.HasPrefix(key, "cameras.") || strings.HasPrefix(key, "defaults.")) {
			keys[short] = true
		}
	}
	return keys
}

var keyForm = regexp.MustCompile(`^[a-z_]+(\.[a-z_]+)*`)

// Keys of the configuration that a page names exist, and docs/configuration.md has those at the top and of a camera.
func TestPagesNameKeys(t *testing.T) {
	keys := keysOf(t)
	if !keys["nats.embedded.mqtt_port"] || !keys["trust"] {
		t.Fatalf("the schema's keys are %v", keys)
	}
	named := regexp.MustCompile("\\bkeys? `([^`]+)`")
	eachPage(t, func(t *testing.T, _ string, p docs.Page) {
		for _, m := range named.FindAllStringSubmatch(p.Text, -1) {
			if !keys[keyForm.FindString(m[1])] {
				t.Errorf("there is no key %s", m[1])
			}
		}
		if path.Dir(p.Path) == "docs/formats" {
			return // its dotted names are fields
		}
		for _, span := range p.Spans() {
			key, _, _ := strings.Cut(span, ":")
			first, _, dotted := strings.Cut(key, ".")
			file := slices.Contains([]string{".csv", ".json", ".yaml"}, path.Ext(key))
			if dotted && !file && keys[first] && keyForm.FindString(key) == key && !keys[key] && first != "model" {
				t.Errorf("there is no key %s", key)
			}
		}
	})
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := docs.FirstColumn(string(text))
	for key := range keys {
		if !strings.Contains(key, ".") && !slices.Contains(listed, key) {
			t.Errorf("docs/configuration.md does not list the key %s", key)
		}
	}
	for _, key := range listed {
		if !keys[key] {
			t.Errorf("docs/configuration.md: there is no key %s", key)
		}
	}
}

// Subjects and types of messages that a page names are those of the AsyncAPI document, which a test compares with the
// code.
func TestPagesNameSubjects(t *testing.T) {
	text, err := os.ReadFile("../../alerts/schema/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var addresses []*regexp.Regexp
	for _, m := range regexp.MustCompile(`(?m)^ +address: (\S+)$`).FindAllStringSubmatch(string(text), -1) {
		form := regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(m[1]), `[^.]+`)
		addresses = append(addresses, regexp.MustCompile("^"+form+"$"))
	}
	if len(addresses) < 4 {
		t.Fatalf("the document has %d subjects", len(addresses))
	}
	types := regexp.MustCompile(`(?m)^ +(?:const: |enum: \[)vigil\..*$`).FindAllString(string(text), -1)
	isType := func(span string) bool {
		return slices.ContainsFunc(types, func(t string) bool {
			words := strings.FieldsFunc(t, func(r rune) bool { return strings.ContainsRune(" ,[]", r) })
			return slices.Contains(words, span)
		})
	}
	eachPage(t, func(t *testing.T, _ string, p docs.Page) {
		for _, span := range p.Spans() {
			if !strings.HasPrefix(span, "vigil.") ||
				slices.Contains([]string{".yaml", ".lock", ".sock"}, path.Ext(span)) || isType(span) {
				continue
			}
			subject := strings.Replace(span, "alerts.>", "alerts.x.start", 1)
			if span != "vigil.>" &&
				!slices.ContainsFunc(addresses, func(r *regexp.Regexp) bool { return r.MatchString(subject) }) {
				t.Errorf("there is no subject or type %s", span)
			}
		}
	})
}

// Prose fits into 120 columns; tables and code may be wider. The README has at most 200 lines.
func TestPagesWidth(t *testing.T) {
	eachPage(t, func(t *testing.T, _ string, p docs.Page) {
		inCode := false
		for n, line := range strings.Split(p.Text, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				inCode = !inCode
			}
			if !inCode && len([]rune(line)) > 120 && !strings.HasPrefix(strings.TrimSpace(line), "|") &&
				!strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "<!--") {
				t.Errorf("line %d has %d columns", n+1, len([]rune(line)))
			}
		}
		if lines := strings.Count(p.Text, "\n"); p.Path == "README.md" && lines > 200 {
			t.Errorf("the README has %d lines", lines)
		}
	})
}

// The tables that replay writes, and the streams and buckets of a data directory, are those of docs/formats.
func TestPageOfFormats(t *testing.T) {
	docs.CheckNames(t, "scores.md", "scores.csv", eval.ScoreColumns...)
	docs.CheckNames(t, "scores.md", eval.EventsFile, eval.EventColumns...)
	docs.CheckNames(t, "scores.md", "Events of vigil detect", eval.DetectColumns...)
	docs.CheckNames(t, "data-directory.md", "Streams and buckets", broker.Stream, broker.PositionsBucket,
		outbox.AsideBucket, evidence.Bucket, alerts.AcksBucket, alerts.SwitchesBucket, alerts.CamerasBucket,
		alerts.TrainingBucket)
}

// The figures of ped2-small on its card, among all others and in the evaluation are those of the README's table,
// rounded.
func TestPagesFigures(t *testing.T) {
	texts := map[string]string{}
	eachPage(t, func(_ *testing.T, _ string, p docs.Page) { texts[p.Path] = p.Text })
	rows := regexp.MustCompile(
		`(?m)^(paper|raw|live).*?  (0\.\d+) +0\.\d+ to [01]\.\d+ +(0\.\d+) `).FindAllStringSubmatch(
		texts["README.md"],
		-1)
	if len(rows) != 4 {
		t.Fatalf("the README's table has the rows %q", rows)
	}
	short := func(figure string) string {
		v, err := strconv.ParseFloat(figure, 64)
		if err != nil {
			t.Error(err)
		}
		return strings.TrimPrefix(strconv.FormatFloat(v, 'f', 3, 64), "0")
	}
	all := "|"
	for i, name := range []string{"paper (", "raw (", "live, hop 2, label", "live, hop 2, no delay"} {
		micro, macro := short(rows[i][2]), short(rows[i][3])
		row := regexp.MustCompile(`\| ` + regexp.QuoteMeta(name) + `[^|]*\| (\S+) \| (\S+) \|`).FindStringSubmatch(
			texts["weights/ped2-small.md"])
		if row == nil || row[1] != micro || row[2] != macro {
			t.Errorf("the card of ped2-small has %q, the README %s and %s", row, micro, macro)
		}
		all += " **" + micro + "** |"
	}
	if !strings.Contains(texts["docs/accuracy.md"], all+"\n") {
		t.Errorf("docs/accuracy.md has no row with %s", all)
	}
	for _, i := range []int{0, 1} {
		if figure := short(rows[i][2]); !strings.Contains(texts["docs/evaluation.md"], figure) {
			t.Errorf("docs/evaluation.md does not have %s", figure)
		}
	}
}

// What pages quote of logs and errors is in the code: pieces of code that are sentences, and what the table of faults
// has as reported, up to the figures in it.
func TestPagesQuoteMessages(t *testing.T) {
	var code strings.Builder
	concatenated := regexp.MustCompile(`"\s*\+\s*"`)
	sentence := regexp.MustCompile(`^[a-z]+( [a-z']+){3,}$`)
	figures := regexp.MustCompile(":|;|then:|[0-9`…(][^ ]*")
	root, err := docs.Root()
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		code.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	messages := concatenated.ReplaceAllString(code.String(), "")
	eachPage(t, func(t *testing.T, _ string, p docs.Page) {
		var quotes []string
		for _, span := range p.Spans() {
			if first, _, _ := strings.Cut(span, " "); sentence.MatchString(span) &&
				!slices.Contains([]string{"vigil", "make", "go", "nats"}, first) {
				quotes = append(quotes, span)
			}
		}
		if p.Path == "docs/faults.md" {
			for row := range strings.Lines(p.Text) {
				if cells := strings.Split(row, " | "); len(cells) == 4 && strings.HasPrefix(row, "| ") {
					quotes = append(quotes, figures.Split(cells[1], -1)...)
				}
			}
			if len(quotes) < 20 {
				t.Errorf("the table has %d messages", len(quotes))
			}
		}
		for _, q := range quotes {
			if q = strings.Trim(q, " ,)"); len(strings.Fields(q)) > 2 && !strings.Contains(messages, q) {
				t.Errorf("no message has %q", q)
			}
		}
	})
}
