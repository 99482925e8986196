package main

import (
	"errors"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/app/control"
)

// controlFlags select the running vigil that a command asks.
type controlFlags struct {
	config, dataDir string
	json            bool
}

func (f *controlFlags) add(c *cobra.Command) {
	p := c.PersistentFlags()
	p.StringVarP(&f.config, "config", "c", "",
		"configuration `file` with the data_dir (default: vigil.yaml if there is one, else data_dir's default)")
	p.StringVar(&f.dataDir, "data-dir", "", "data directory `folder` of the vigil that runs")
	p.BoolVar(&f.json, "json", false, "print JSON")
}

// client returns a client of the vigil that runs on the chosen data directory.
func (f controlFlags) client() (*control.Client, error) {
	dir, err := app.ControlDir(f.config, f.dataDir)
	if err != nil {
		return nil, err
	}
	return control.NewClient(dir)
}

// show prints the answer of the vigil that runs.
func (f controlFlags) show(cmd *cobra.Command, ask func(*control.Client) (printer, error)) error {
	c, err := f.client()
	if err != nil {
		return err
	}
	answer, err := ask(c)
	if err != nil {
		return interrupted(cmd.Context(), requestError(err))
	}
	return show(cmd.OutOrStdout(), f.json, answer)
}

// requestError makes an error of the request one of usage.
func requestError(err error) error {
	if errors.As(err, new(control.Invalid)) || errors.As(err, new(control.OfFile)) ||
		errors.As(err, new(control.Stale)) {
		return app.Usage(err)
	}
	return err
}

func statusCommand() *cobra.Command {
	var f controlFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the cameras, sinks and store of the vigil that runs",
		Long: "Shows the state of every camera of the vigil that runs on this machine, its switches, its sinks and " +
			"its store.\nIt asks over the socket in data_dir, which only the user that vigil runs as may open.",
		Example: "  vigil status\n  vigil status -c /etc/vigil/vigil.yaml --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.show(cmd, func(c *control.Client) (printer, error) { return c.Status(cmd.Context()) })
		},
	}
	f.add(c)
	return c
}
