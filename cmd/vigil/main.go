// Command vigil watches cameras and raises an alert when something happens that is not normal there.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts/archive"
	"vigil/app"
	"vigil/internal/cli"
	"vigil/internal/errcode"
	"vigil/internal/output"
	"vigil/internal/terminal"
	"vigil/internal/version"
	"vigil/model/kernel"
	"vigil/pipeline/worker"
)

// Exit codes, the same for every subcommand.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// isUsage reports whether the command line or the configuration is wrong.
func isUsage(err error) bool {
	return errors.As(err, new(app.UsageError)) || errors.As(err, new(*archive.InvalidError))
}

// errInterrupted is the error of a batch command that a signal stopped before its end.
var errInterrupted = errors.New("interrupted")

// interrupted returns err, or errInterrupted if a signal stopped a batch command.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// forceExit ends a program that does not end by itself. Only main sets it: tests run the program in their own process.
var forceExit func()

func main() {
	if len(os.Args) == 2 && os.Args[1] == worker.Argument {
		os.Exit(worker.Main())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	forceExit = func() {
		fmt.Fprintf(os.Stderr,
			"vigil: not everything ended within %v of the signal; undelivered alerts are sent after the next start\n",
			app.StopLimit)
		os.Exit(exitFailed)
	}
	// Some time after the first signal a second one ends the process at once.
	context.AfterFunc(ctx, func() { time.AfterFunc(sameSignal, stop) })
	limitEnd(ctx, os.Args[1:])
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// sameSignal is for how long after the first signal another one counts as the same: timeout and service managers send
// one to the process and one to its group.
const sameSignal = 500 * time.Millisecond

// How long a command may take to end after a signal, for example if a file system does not respond.
const (
	endLimit     = 5 * time.Second
	keepLimit    = 10 * time.Second              // of one that completes a file first
	runHardLimit = app.StopLimit + 5*time.Second // of run, whose own limit counts from when it watches
)

// limitEnd ends the program if it does not end by itself after ctx.
func limitEnd(ctx context.Context, args []string) {
	limit := endLimit
	if len(args) > 0 {
		switch args[0] {
		case "run":
			limit = runHardLimit
		case "train", "record":
			limit = keepLimit
		}
	}
	context.AfterFunc(ctx, func() {
		time.AfterFunc(limit, func() {
			output.Abandon()
			fmt.Fprintf(os.Stderr, "vigil: interrupted; it did not end by itself within %v\n", limit)
			os.Exit(exitInterrupted)
		})
	})
}

// run is the whole program; tests call it as main does. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out, messages := terminal.NewScreen(stdout), terminal.NewScreen(stderr)
	defer out.Flush()
	defer messages.Flush()
	stdout, stderr = out, messages
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errInterrupted):
		fmt.Fprintln(stderr, "vigil: interrupted")
		return exitInterrupted
	}
	fmt.Fprintf(stderr, "vigil: %s\n%s", terminal.Escape(err.Error()), errcode.Hints(err))
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

func rootCommand() *cobra.Command {
	var asksVersion bool
	root := &cobra.Command{
		Use:   "vigil",
		Short: "Watches cameras and raises an alert when something happens that is not normal there",
		// Errors are printed once, by run; a usage page after every failed read of a file would hide them.
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asksVersion {
				_, err := fmt.Fprint(cmd.OutOrStdout(), version.Of())
				return err
			}
			return cmd.Help()
		},
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if err := kernel.CheckEnvISA(); err != nil {
				return app.Usage(err)
			}
			return nil
		},
	}
	root.Flags().BoolVar(&asksVersion, "version", false, "print the version, as 'vigil version' does")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return app.Usage(err) })
	root.AddCommand(runCommand(), replayCommand(), calibrateCommand(), alertsCommand(), outboxCommand(), storeCommand(),
		statusCommand(), cameraCommand(), userCommand(), tokenCommand(),
		openCommand(),
		configCommand(), modelCommand(), demoCommand(), trainCommand(),
		pseudoCommand(), evalCommand(), detectCommand(), benchCommand(), recordCommand(), explainCommand(),
		versionCommand(), encodeClipCommand())
	cli.WrapArgs(root, app.Usage)
	cli.DecimalFlags(root)
	return root
}
