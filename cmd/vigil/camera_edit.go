package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"vigil/api"
	"vigil/api/client"
	"vigil/app"
)

// maxAddress bounds an address on standard input.
const maxAddress = 16 << 10

func cameraAddCommand(f *controlFlags) *cobra.Command {
	var address string
	var values []string
	var check bool
	c := &cobra.Command{
		Use:   "add NAME --source SOURCE [--set KEY=VALUE...]",
		Short: "Add a camera to the vigil that runs; it survives restarts",
		Example: "  vigil camera add gate --source rtsp://10.0.0.7/stream1 --set hop=4\n" +
			"  vigil camera add gate --source - < address.txt",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings := map[string]any{}
			all := append([]string{"source=" + address}, values...)
			if err := setValues(settings, all, cmd.InOrStdin()); err != nil {
				return app.Usage(err)
			}
			settings["name"] = args[0]
			return f.send(cmd, settings, func(c *client.Client, text []byte) (printer, error) {
				done, err := c.AddCamera(cmd.Context(), text, check)
				return editedView(done), err
			})
		},
	}
	c.Flags().StringVar(&address, "source", "", "`address`, device, file or folder; - reads it from standard input")
	c.Flags().StringArrayVar(&values, "set", nil, "set a `key=value` of the camera, as detector.enter=0.4")
	c.Flags().BoolVar(&check, "check", false, "change nothing, and say what would happen")
	if err := c.MarkFlagRequired("source"); err != nil {
		panic(err)
	}
	return c
}

func cameraSetCommand(f *controlFlags) *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "set NAME KEY=VALUE...",
		Short: "Change a camera that was added while vigil runs; KEY= takes a key back to the default",
		Example: "  vigil camera set gate hop=4 detector.enter=0.4\n  vigil camera set gate hop=\n" +
			"  vigil camera set gate source=- < address.txt",
		Args: cobra.MinimumNArgs(2),

		ValidArgsFunction: completeCamera(f.client),
		RunE: func(cmd *cobra.Command, args []string) error {
			vigil, err := f.client()
			if err != nil {
				return err
			}
			now, err := vigil.Camera(cmd.Context(), args[0])
			if err != nil {
				return interrupted(cmd.Context(), requestError(err))
			}
			if now.Origin != api.OriginRuntime {
				return app.Usage(fmt.Errorf("camera %s is one of the configuration file: change it there", args[0]))
			}
			settings := map[string]any{}
			if len(now.Settings) > 0 {
				if err := json.Unmarshal(now.Settings, &settings); err != nil {
					return err
				}
			}
			if err := setValues(settings, args[1:], cmd.InOrStdin()); err != nil {
				return app.Usage(err)
			}
			return f.send(cmd, settings, func(c *client.Client, text []byte) (printer, error) {
				done, err := c.ChangeCamera(cmd.Context(), args[0], text, now.Revision, check)
				return editedView(done), err
			})
		},
	}
	c.Flags().BoolVar(&check, "check", false, "change nothing, and say what would happen")
	return c
}

func cameraRemoveCommand(f *controlFlags) *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a camera that was added while vigil runs",
		Args:  cobra.ExactArgs(1),

		ValidArgsFunction: completeCamera(f.client),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.show(cmd, func(c *client.Client) (printer, error) {
				done, err := c.RemoveCamera(cmd.Context(), args[0], check)
				return editedView(done), err
			})
		},
	}
	c.Flags().BoolVar(&check, "check", false, "change nothing, and say what would happen")
	return c
}

// send sends a camera's settings.
func (f controlFlags) send(cmd *cobra.Command, settings map[string]any,
	send func(*client.Client, []byte) (printer, error),
) error {
	text, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	return f.show(cmd, func(c *client.Client) (printer, error) { return send(c, text) })
}

// settingsKey is a key of a camera's settings.
var settingsKey = regexp.MustCompile(`^[a-z_]+(\.[a-z_]+)*$`)

// setValues sets keys of a camera: each of values is key=value, where the key may be in maps, as detector.enter, and
// the value is as in the configuration file; none takes the key out. The source is text; - is read from in.
func setValues(settings map[string]any, values []string, in io.Reader) error {
	for _, one := range values {
		key, text, ok := strings.Cut(one, "=")
		if !ok || !settingsKey.MatchString(key) {
			return errors.New("give KEY=VALUE, as hop=4 or source=ADDRESS") // not quoted: it may have a password in it
		}
		var value any
		switch {
		case text == "":
		case key == "source" && text == "-":
			line, err := io.ReadAll(io.LimitReader(in, maxAddress))
			if err != nil {
				return fmt.Errorf("read the source from standard input: %w", err)
			}
			value = strings.TrimSpace(string(line))
		case key == "source":
			value = text
		default:
			if err := yaml.Unmarshal([]byte(text), &value); err != nil {
				return fmt.Errorf("%s: the value is not as in a configuration file (YAML)", key)
			}
		}
		if err := setValue(settings, strings.Split(key, "."), value); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func setValue(in map[string]any, path []string, value any) error {
	key := path[0]
	if len(path) > 1 {
		inner, isMap := in[key].(map[string]any)
		if in[key] != nil && !isMap {
			return fmt.Errorf("%s is not a map of keys", key)
		}
		if inner == nil {
			inner = map[string]any{}
		}
		if err := setValue(inner, path[1:], value); err != nil {
			return err
		}
		if value = inner; len(inner) == 0 {
			value = nil
		}
	}
	if value == nil {
		delete(in, key)
		return nil
	}
	in[key] = value
	return nil
}
