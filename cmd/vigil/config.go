package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/config"
	"vigil/internal/errcode"
)

func configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check, print and create the configuration file",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(configCheckCommand(), configPrintCommand(), configSchemaCommand(), configInitCommand())
	return c
}

func configCheckCommand() *cobra.Command {
	var path string
	var o app.CheckOptions
	var asJSON bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Find what 'vigil run' would refuse, and what would get no alerts",
		Long: "Reports everything that is wrong with the configuration file and the files it names (weights, " +
			"calibrations, certificates, recordings),\n" +
			"whether data_dir and the ports of the server inside vigil are free, and whether the NATS server, the " +
			"MQTT broker and the webhook would\n" +
			"accept an alert; no alert is sent. A calibration that was made for other settings is an error too, " +
			"although " +
			"'vigil run' starts with it\nand holds that camera's alerts. With --connect each live camera must send a " +
			"picture as well. With " +
			"--offline no server is contacted, and\n" +
			"vigil may be running.\n\n" +
			"Exit codes: 2 for an error in the file, in what it names or on this machine, 1 for a server or a " +
			"camera that does not answer.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Offline && o.Connect {
				return app.Usage(errors.New("--offline and --connect: give one of them"))
			}
			n, err := app.Check(cmd.Context(), path, o)
			if asJSON && cmd.Context().Err() == nil {
				err = errors.Join(err, printJSON(cmd.OutOrStdout(), newCheckedConfig(path, n, err)))
			}
			if err != nil || asJSON {
				return interrupted(cmd.Context(), err)
			}
			cameras := "cameras"
			if n == 1 {
				cameras = "camera"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d %s, no problems\n", path, n, cameras)
			return err
		},
	}
	configFlag(c, &path)
	c.Flags().BoolVar(&o.Offline, "offline", false,
		"check only the file and what it names: no servers, data_dir or ports")
	c.Flags().BoolVar(&o.Connect, "connect", false, "also open each live camera")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, also of a file with problems")
	return c
}

// checkedConfig is the result of config check in JSON. The names are those of the API's check.
type checkedConfig struct {
	File    string `json:"file"`
	Valid   bool   `json:"valid"`
	Cameras int    `json:"cameras"`
	Error   string `json:"error,omitempty"`
	Code    string `json:"code,omitempty"`
}

func newCheckedConfig(file string, cameras int, err error) checkedConfig {
	c := checkedConfig{File: file, Valid: err == nil, Cameras: cameras}
	if err != nil {
		c.Error, c.Code = err.Error(), string(errcode.Of(err))
	}
	return c
}

func configPrintCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "print",
		Short: "Print the configuration with all defaults, without secrets",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(path)
			if err != nil {
				return app.Usage(err)
			}
			text, err := cfg.YAML()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	configFlag(c, &path)
	return c
}

func configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print a JSON Schema of the configuration file, for editors",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(config.Schema)
			return err
		},
	}
}

func configInitCommand() *cobra.Command {
	var path string
	var force bool
	c := &cobra.Command{
		Use:   "init",
		Short: "Write an example configuration file with comments",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if path == "-" {
				_, err := cmd.OutOrStdout().Write(config.Example)
				return err
			}
			if err := app.WriteExample(path, force); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: written; see 'vigil config check -c %s'\n", path, path)
			return err
		},
	}
	c.Flags().StringVarP(&path, "output", "o", config.DefaultFile, "the file to write; - for standard output")
	c.Flags().BoolVar(&force, "force", false, "overwrite an existing file")
	return c
}

// configFlag adds -c, which every command that reads the configuration file has.
func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", config.DefaultFile, "the configuration file")
}
