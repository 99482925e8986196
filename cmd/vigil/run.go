package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/config"
	"vigil/internal/terminal"
)

// summaryEvery is the interval at which run logs its counters.
const summaryEvery = time.Minute

func runCommand() *cobra.Command {
	var file, modelFile, logFormat string
	var summary time.Duration
	cmd := &cobra.Command{
		Use:   "run [-c vigil.yaml] [SOURCE...]",
		Short: "Watch cameras until stopped, and publish alerts to NATS",
		Long: "Watches the cameras of a configuration file, or the sources given (files, folders of frames, devices, " +
			"RTSP and HTTP URLs)\n" +
			"with the default settings, until it is stopped or every recording has ended.\n\n" + sourceHelp,
		Example: "  vigil run -c vigil.yaml\n  vigil run gate -c vigil.yaml\n  vigil run - -m " +
			"weights/model.safetensors < address.txt",
		RunE: func(cmd *cobra.Command, sources []string) error {
			if len(sources) == 0 && cmd.Flags().Changed("model") {
				return app.Usage(errors.New("-m is for sources given on the command line; in a configuration file it " +
					"is the key 'model'"))
			}
			cfg, named, err := app.RunConfig(sources, modelFile,
				sourceOptions(cmd, file, cmd.Flags().Changed("config")))
			if err != nil {
				return app.Usage(err)
			}
			if cmd.Flags().Changed("log-format") {
				cfg.Log.Format = logFormat
			}
			log, err := app.NewLogger(cmd.ErrOrStderr(), cfg.Log)
			if err != nil {
				return app.Usage(err)
			}
			o := app.RunOptions{Log: log, Summary: summary, ForceExit: forceExit}
			if len(sources) == 0 || named != nil {
				hangup := make(chan os.Signal, 1)
				signal.Notify(hangup, syscall.SIGHUP)
				defer signal.Stop(hangup)
				o.File, o.Hangup = file, hangup
				o.Load = func() (config.Config, []config.Camera, error) {
					return app.RunConfig(sources, modelFile, sourceOptions(cmd, file, cmd.Flags().Changed("config")))
				}
			}
			if terminal.Of(cmd.OutOrStdout()) != nil { // a log would keep it
				o.Announce = func(address string) {
					fmt.Fprintf(cmd.OutOrStdout(), "Open vigil, once and within ten minutes: %s\n", address)
				}
			}
			leaveNoCore()
			return app.Run(cmd.Context(), cfg, named, o)
		},
	}
	cmd.ValidArgsFunction = completeSources(&file)
	cmd.Flags().StringVarP(&file, "config", "c", config.DefaultFile, "configuration `file`")
	cmd.Flags().StringVarP(&modelFile, "model", "m", "", "weights `file` for the sources given")
	cmd.Flags().StringVar(&logFormat, "log-format", "text", "text or json")
	cmd.Flags().DurationVar(&summary, "summary", summaryEvery, "interval at which the counters are logged; 0 for never")
	return cmd
}

// sourceHelp is the help text about sources, of every command that takes live ones.
const sourceHelp = "A SOURCE is an address, the name of a camera in the configuration, - for addresses on standard " +
	"input (one a line), or @FILE for\n" +
	"those in a file. Do not give an address with a password on the command line, where every user of the " +
	"machine can read it."

// sourceOptions returns the options of a command; given means that the user named the configuration.
func sourceOptions(cmd *cobra.Command, file string, given bool) app.SourceOptions {
	return app.SourceOptions{Stdin: cmd.InOrStdin(), File: file, Given: given, Warn: noteTo(cmd.ErrOrStderr())}
}
