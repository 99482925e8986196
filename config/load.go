package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"vigil/capture/source"
	"vigil/internal/errcode"
)

// maxFile is the maximum size of a configuration file.
const maxFile = 1 << 20

// Load reads and checks the configuration file at path; all problems are returned as one *Errors. The Config returned
// with an error is partial and only good for finding further problems.
//
// A relative path in the file, also the default of data_dir, is relative to the file's folder and absolute in the
// Config. Every camera has the defaults and the top-level model filled in.
func Load(path string) (Config, error) {
	f, err := Open(path)
	return f.Config, err
}

// Open is Load for a caller that checks for further problems and reports their lines. The File is never nil.
func Open(path string) (*File, error) {
	f := &File{Config: Default(), path: path}
	data, err := read(path)
	if err != nil {
		return f, f.Join(nil, Problem{Text: err.Error(), Code: errcode.ConfigNoFile})
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return f, f.Join(nil, Problem{Text: fmt.Sprintf("finding its folder: %v", err)})
	}
	var problems []Problem
	f.Config, f.lines, problems = loadLines(data, folder)
	return f, (&Errors{File: path, Problems: problems}).err()
}

// load is Load for the content of a file in folder.
func load(data []byte, folder string) (Config, []Problem) {
	cfg, _, problems := loadLines(data, folder)
	return cfg, problems
}

// loadLines is load with the lines of the keys.
func loadLines(data []byte, folder string) (Config, map[string]int, []Problem) {
	root, problem := parse(data)
	if problem != nil {
		return Default(), nil, []Problem{*problem}
	}
	t := &tree{lines: map[string]int{}, expanded: map[string]bool{}, lookup: os.LookupEnv}
	raw, _ := t.value(root, "", reflect.TypeFor[Config]()).(map[string]any)
	if t.nodes > maxNodes {
		return Default(), t.lines, t.problems
	}
	cfg, problems := decode(raw)
	problems = append(t.problems, problems...)
	problems = append(problems, cfg.resolve(folder)...)
	cfg.fillModels()
	return cfg, t.lines, t.locateProblems(problems, cfg.problems())
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the user names the file.
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("no such file; vigil config init writes one to start from")
	}
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close() //nolint:errcheck // it was only read.
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("is a folder; must be a file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, reason(err)
	}
	if len(data) > maxFile {
		return nil, errors.New("is larger than 1 MiB; must be a configuration in YAML")
	}
	return data, nil
}

// reason returns a file error without the path, which the message already contains.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// fillModels sets the top-level model for cameras without a model of their own or from the defaults.
func (c *Config) fillModels() {
	for i := range c.Cameras {
		c.Cameras[i].Model = cmp.Or(c.Cameras[i].Model, c.Model)
	}
}

// resolve makes the paths absolute, relative to folder.
func (c *Config) resolve(folder string) []Problem {
	abs := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
	eachPath(c, "", func(_, _ string, path *string) { abs(path) })
	var problems []Problem
	for i := range c.Cameras {
		camera := &c.Cameras[i]
		if camera.Source == (source.Address{}) || camera.Source.Live() {
			continue
		}
		file := camera.Source.Reveal()
		abs(&file)
		address, err := source.ParseAddress(file)
		if err != nil {
			problems = append(problems, Problem{Key: fmt.Sprintf("cameras[%d].source", i), Text: err.Error()})
			continue
		}
		camera.Source = address
	}
	return problems
}
