package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"vigil/capture/source"
	"vigil/config"
)

// sourceHelp is what every command that takes live sources says of them.
const sourceHelp = "A SOURCE is an address, the name of a camera of the configuration, - for addresses on standard " +
	"input (one a line), or @FILE for\n" +
	"those in a file. An address with a password does not belong on the command line, where every user of the " +
	"machine can read it."

// namedSource is a source of the command line. Camera is the configuration's where the source was given by its name.
type namedSource struct {
	source.Address
	Camera *config.Camera
}

// cameraForm is what a camera's name looks like; a file with an ending has another form.
var cameraForm = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

// maxSourceList bounds what is read of a list of addresses.
const maxSourceList = 1 << 20

// readSources makes sources of a command's arguments. file is the configuration that has the cameras which are given by
// name; given says that the user named it. Its errors are about usage and never quote an address.
func readSources(cmd *cobra.Command, args []string, file string, given bool) ([]namedSource, error) {
	var sources []namedSource
	for _, arg := range args {
		list, isList, err := sourceList(cmd.InOrStdin(), arg)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			a, err := source.ParseAddress(s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", arg, err)
			}
			sources = append(sources, namedSource{Address: a})
		}
		if isList {
			continue
		}
		s, err := oneSource(arg, file, given)
		if err != nil {
			return nil, err
		}
		if s.Camera == nil && s.Redacted() && s.Live() {
			fmt.Fprintf(cmd.ErrOrStderr(),
				"vigil: warning: %s may have a password in it, which every user of this machine can read in the list "+
					"of processes; "+
					"give the camera by its name in the configuration (-c), or - and the address on standard input\n",
				s)
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// sourceList reads the addresses of - and @FILE. A file that has an @ in front itself is a source.
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
		return nil, true, fmt.Errorf("%s: has no address in it; must have one a line", arg)
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

// oneSource is an address or a camera's name. A name that is a file's as well could mean either.
func oneSource(arg, file string, given bool) (namedSource, error) {
	if cameraForm.MatchString(arg) && (given || exists(file)) {
		_, camera, err := config.LoadCamera(file, arg)
		switch {
		case err == nil && exists(arg):
			return namedSource{}, fmt.Errorf("%s is a camera of %s and a file here; write ./%s for the file",
				arg, file, arg)
		case err == nil:
			return namedSource{camera.Source, &camera}, nil
		case !exists(arg):
			return namedSource{}, err
		}
	} else if cameraForm.MatchString(arg) && !exists(arg) {
		return namedSource{},
			fmt.Errorf("%s: there is no such file, and no %s with a camera of this name (-c names another)", arg, file)
	}
	a, err := source.ParseAddress(arg)
	if err != nil {
		return namedSource{}, err
	}
	return namedSource{Address: a}, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}
