package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"vigil/capture/source"
	"vigil/config"
	"vigil/internal/names"
)

// NamedSource is a source of the command line. Camera is the configured one if the source was given by its name.
type NamedSource struct {
	source.Address
	Camera *config.Camera
}

// cameraForm matches names of cameras, and no file with an extension.
var cameraForm = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

// maxSourceList bounds the size of a list of addresses.
const maxSourceList = 1 << 20

// SourceOptions tell where sources are found that are not addresses.
type SourceOptions struct {
	Stdin io.Reader // has the addresses of -
	File  string    // the configuration that has the cameras which are given by name
	Given bool      // the user named File
	Warn  func(text string)
}

// ReadSources returns the sources of a command's arguments. Its errors are UsageErrors and never quote an address.
func ReadSources(args []string, o SourceOptions) ([]NamedSource, error) {
	var sources []NamedSource
	for _, arg := range args {
		list, isList, err := sourceList(o.Stdin, arg)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			a, err := source.ParseAddress(s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", arg, err)
			}
			sources = append(sources, NamedSource{Address: a})
		}
		if isList {
			continue
		}
		s, err := oneSource(arg, o.File, o.Given)
		if err != nil {
			return nil, err
		}
		if s.Camera == nil && s.Redacted() && s.Live() {
			o.Warn(fmt.Sprintf(
				"warning: %s may have a password in it, which every user of this machine can read in the list "+
					"of processes; give the camera by its name in the configuration (-c), or - and the address on "+
					"standard input",
				s))
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// sourceList reads the addresses of - and @FILE. A file whose name begins with @ is a source itself.
func sourceList(stdin io.Reader, arg string) (list []string, isList bool, err error) {
	path, isFile := strings.CutPrefix(arg, "@")
	switch {
	case arg == "-":
		list, err = readLines(stdin)
		arg = "standard input"
	case isFile && !exists(arg):
		f, openErr := os.Open(path) //nolint:gosec // the user names the file.
		if openErr != nil {
			return nil, true, openErr
		}
		defer f.Close() //nolint:errcheck // it was only read.
		list, err = readLines(f)
	default:
		return nil, false, nil
	}
	if err != nil {
		return nil, true, fmt.Errorf("read addresses from %s: %w", arg, err)
	}
	if len(list) == 0 {
		return nil, true, fmt.Errorf("%s: has no address; must have one per line", arg)
	}
	return list, true, nil
}

func readLines(r io.Reader) ([]string, error) {
	var lines []string
	s := bufio.NewScanner(io.LimitReader(r, maxSourceList))
	for s.Scan() {
		if line := strings.TrimSpace(s.Text()); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, s.Err()
}

// oneSource returns the source of an address or a camera's name. A name that is also a file's is ambiguous.
func oneSource(arg, file string, given bool) (NamedSource, error) {
	if cameraForm.MatchString(arg) && (given || exists(file)) {
		_, camera, err := config.LoadCamera(file, arg)
		switch {
		case err == nil && exists(arg):
			return NamedSource{}, fmt.Errorf("%s is a camera of %s and a file here; write ./%s for the file",
				arg, file, arg)
		case err == nil:
			return NamedSource{camera.Source, &camera}, nil
		case !exists(arg):
			return NamedSource{}, err
		}
	} else if cameraForm.MatchString(arg) && !exists(arg) {
		return NamedSource{},
			fmt.Errorf("%s: there is no such file, and no %s with a camera of this name (-c names another)", arg, file)
	}
	a, err := source.ParseAddress(arg)
	if err != nil {
		return NamedSource{}, err
	}
	return NamedSource{Address: a}, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// RunConfig is the configuration to run: that of o.File if no sources are given, else a default one with a camera
// for each source, all scored by the weights in modelFile. named are the cameras given by name, to monitor only
// these; nil for all. Its errors are UsageErrors.
func RunConfig(args []string, modelFile string, o SourceOptions) (cfg config.Config, named []config.Camera, err error) {
	if len(args) == 0 {
		cfg, err = config.Load(o.File)
		return cfg, nil, err
	}
	list, err := ReadSources(args, o)
	if err != nil {
		return cfg, nil, err
	}
	if named = camerasOf(list); named != nil {
		if len(named) < len(list) || modelFile != "" {
			return cfg, nil,
				errors.New("give either cameras of the configuration by their names, or addresses with -m, not both")
		}
		cfg, err = config.Load(o.File)
		return cfg, named, err
	}
	if o.Given {
		return cfg, nil, errors.New("give either -c or addresses, not both; beside -c a source is a camera's name")
	}
	if modelFile == "" {
		return cfg, nil, errors.New("-m: is missing; must be the weights that score these sources")
	}
	cfg = config.Default()
	cfg.Model = modelFile
	cfg.MQTT = config.MQTT{} // what a configuration file announced of this data_dir stays
	addresses := make([]source.Address, len(list))
	for i, s := range list {
		addresses[i] = s.Address
	}
	for i, name := range names.Cameras(addresses) {
		cam := config.Camera{Name: name, Source: addresses[i], Settings: cfg.Defaults}
		cam.Model = modelFile
		cfg.Cameras = append(cfg.Cameras, cam)
	}
	return cfg, nil, nil
}

// camerasOf returns the cameras that were given by name, nil for none.
func camerasOf(list []NamedSource) (cameras []config.Camera) {
	for _, s := range list {
		if s.Camera != nil {
			cameras = append(cameras, *s.Camera)
		}
	}
	return cameras
}
