package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/api"
	"vigil/api/client"
	"vigil/app"
)

func cameraCommand() *cobra.Command {
	var f controlFlags
	c := &cobra.Command{
		Use:   "camera",
		Short: "List, add, change, pause and snooze the cameras of the vigil that runs",
		Long:  help("camera") + "\n\n" + askedHelp,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.add(c)
	c.AddCommand(
		&cobra.Command{
			Use:   "list",
			Short: "List the cameras with their states and switches",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return f.show(cmd, func(c *client.Client) (printer, error) {
					all, err := c.Cameras(cmd.Context())
					return camerasView{all.Cameras}, err
				})
			},
		},
		&cobra.Command{
			Use:   "show NAME",
			Short: "Show a camera, and its latest changes",
			Args:  cobra.ExactArgs(1),

			ValidArgsFunction: completeCamera(f.client),
			RunE: func(cmd *cobra.Command, args []string) error {
				return f.show(cmd, func(c *client.Client) (printer, error) {
					one, err := c.Camera(cmd.Context(), args[0])
					return cameraView(one), err
				})
			},
		},
		cameraPauseCommand(&f),
		&cobra.Command{
			Use:   "resume NAME",
			Short: "Open a paused camera again",
			Args:  cobra.ExactArgs(1),

			ValidArgsFunction: completeCamera(f.client),
			RunE: func(cmd *cobra.Command, args []string) error {
				return f.change(cmd, args[0], api.SwitchRequest{Action: alerts.ActionResume})
			},
		},
		cameraSnoozeCommand(&f), cameraDetectionCommand(&f),
		cameraAddCommand(&f), cameraSetCommand(&f), cameraRemoveCommand(&f))
	return c
}

// change changes a camera's switches and prints what they are now.
func (f controlFlags) change(cmd *cobra.Command, name string, change api.SwitchRequest) error {
	return f.show(cmd, func(c *client.Client) (printer, error) {
		camera, err := c.Switch(cmd.Context(), name, change)
		if f.json {
			return cameraView(camera), err
		}
		return changedView(camera), err
	})
}

// endFlags are the flags of the end of a pause or a snooze.
type endFlags struct{ length, until string }

func (e *endFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&e.length, "for", "", "for this `time`: 90s, 30m, 2h")
	c.Flags().StringVar(&e.until, "until", "", "until this `time`: 18:00, 2026-11-30T18:00, local")
}

// set reads the flags into a request.
func (e endFlags) set(to *api.SwitchRequest) error {
	if e.length != "" && e.until != "" {
		return app.Usage(errors.New("give either --for or --until, not both"))
	}
	if e.length != "" {
		if _, err := api.ParseFor(e.length); err != nil {
			return app.Usage(fmt.Errorf("--%w", err))
		}
		to.For = e.length
	}
	if e.until != "" {
		at, err := parseUntil(e.until, time.Now())
		if err != nil {
			return app.Usage(fmt.Errorf("--%w", err))
		}
		to.Until = &at
	}
	return nil
}

func cameraPauseCommand(f *controlFlags) *cobra.Command {
	var end endFlags
	c := &cobra.Command{
		Use:     "pause NAME",
		Short:   "Close a camera until it is resumed",
		Example: "  vigil camera pause gate\n  vigil camera pause gate --for 2h",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: completeCamera(f.client),
		RunE: func(cmd *cobra.Command, args []string) error {
			change := api.SwitchRequest{Action: alerts.ActionPause}
			if err := end.set(&change); err != nil {
				return err
			}
			return f.change(cmd, args[0], change)
		},
	}
	end.add(c)
	return c
}

func cameraSnoozeCommand(f *controlFlags) *cobra.Command {
	var end endFlags
	c := &cobra.Command{
		Use:   "snooze NAME [off]",
		Short: "Score a camera without events for a time",
		Example: "  vigil camera snooze gate --for 30m\n  vigil camera snooze gate --until 18:00\n  vigil camera " +
			"snooze gate off",
		Args: cobra.RangeArgs(1, 2),

		ValidArgsFunction: completeCamera(f.client, "off"),
		RunE: func(cmd *cobra.Command, args []string) error {
			change := api.SwitchRequest{Action: alerts.ActionSnooze}
			if err := end.set(&change); err != nil {
				return err
			}
			timed := end != endFlags{}
			switch {
			case len(args) == 2 && args[1] == "off" && !timed:
				change.Action = alerts.ActionSnoozeOff
			case len(args) == 2 || !timed:
				return app.Usage(errors.New("give --for, --until or off, and only one of them"))
			}
			return f.change(cmd, args[0], change)
		},
	}
	end.add(c)
	return c
}

func cameraDetectionCommand(f *controlFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "detection NAME on|off",
		Short:   "Switch a camera's events on or off; it is scored all the same",
		Example: "  vigil camera detection gate off",
		Args:    cobra.ExactArgs(2),

		ValidArgsFunction: completeCamera(f.client, "on", "off"),
		RunE: func(cmd *cobra.Command, args []string) error {
			change := api.SwitchRequest{Action: alerts.ActionDetectionOn}
			switch args[1] {
			case "on":
			case "off":
				change.Action = alerts.ActionDetectionOff
			default:
				return app.Usage(fmt.Errorf("%s: must be on or off", args[1]))
			}
			return f.change(cmd, args[0], change)
		},
	}
}

// parseUntil reads a time of day, which is the next one, or a day and a time, all local, or a time in RFC 3339.
func parseUntil(text string, now time.Time) (time.Time, error) {
	if clock, err := time.ParseInLocation("15:04", text, now.Location()); err == nil {
		at := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), 0, 0, now.Location())
		if !at.After(now) {
			at = time.Date(now.Year(), now.Month(), now.Day()+1, clock.Hour(), clock.Minute(), 0, 0, now.Location())
		}
		return at, nil
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02 15:04", time.RFC3339} {
		if at, err := time.ParseInLocation(form, text, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("until is %q: must be a time such as 18:00, 2026-11-30T18:00 or "+
		"2026-11-30T18:00:00Z", text)
}
