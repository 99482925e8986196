package docs

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const page = `# A page

See [there](other.md#a-b) and ` + "`vigil run`" + `, not ` + "`[this](none)`" + `.

<img src="a.jpg" alt="a">

## A, b!

1. first

   ` + "```sh" + `
   vigil run   # (x)[y]
   ` + "```" + `

| name | what |
|---|---|
| ` + "`a`, `b` | not `c`" + ` |

<!-- output: echo 1 -->
` + "```text" + `
1
` + "```" + `

### Deeper

<!-- measured: date -->
` + "```text" + `
today
` + "```" + `

## Last
`

func TestPage(t *testing.T) {
	p := Page{Path: "a.md", Text: page}
	for what, have := range map[string][2][]string{
		"links":   {p.Links(), {"other.md#a-b", "a.jpg"}},
		"spans":   {p.Spans(), {"vigil run", "[this](none)", "a", "b", "c"}},
		"column":  {FirstColumn(p.Section("A, b!")), {"a", "b"}},
		"no such": {FirstColumn(p.Section("B")), nil},
	} {
		if !slices.Equal(have[0], have[1]) {
			t.Errorf("%s are %q, want %q", what, have[0], have[1])
		}
	}
	if b := p.Blocks(); len(b) != 3 || b[0] != (Block{"sh", "vigil run   # (x)[y]\n"}) {
		t.Errorf("blocks %q", b)
	}
	if a := p.Anchors(); len(a) != 4 || !a["a-b"] || !a["deeper"] {
		t.Errorf("anchors %v", a)
	}
	if s := p.Section("A, b!"); !strings.Contains(s, "### Deeper") || strings.Contains(s, "Last") {
		t.Errorf("section %q", s)
	}
}

func TestRefresh(t *testing.T) {
	p := Page{Path: "a.md", Text: page}
	text, err := p.Refresh(func(o Output) (string, error) {
		if o.Measured != (o.Command == "date") {
			t.Errorf("%+v", o)
		}
		return strings.ToUpper(o.Text) + "2\n", nil
	})
	want := strings.NewReplacer("1\n`", "1\n2\n`", "today\n", "TODAY\n2\n").Replace(page)
	if err != nil || text != want {
		t.Errorf("%v\n%s", err, text)
	}
	if text, err = p.Refresh(func(o Output) (string, error) { return o.Text, nil }); err != nil || text != page {
		t.Errorf("what has not changed becomes %v\n%s", err, text)
	}
	text, err = p.Refresh(func(Output) (string, error) { return "", errors.New("no") })
	if err == nil || !strings.Contains(err.Error(), "a.md: echo 1: no") || text != page {
		t.Errorf("%v\n%s", err, text)
	}
}
