package main

import (
	"cmp"
	"context"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/api"
	"vigil/api/client"
	"vigil/config"
)

const (
	// completeTimeout bounds a completion: a shell waits for it at a key.
	completeTimeout = 500 * time.Millisecond
	// maxCompletions is how many alerts are offered.
	maxCompletions = 20
)

// shownState is a state as a completion shows it; "" is for a camera that is not configured.
var shownState = regexp.MustCompile(`^[a-z_]*$`)

// within returns what ask returns in time, else nil. What ask waits for may have no bound of its own, such as a file
// system.
func within(cmd *cobra.Command, ask func(context.Context) []string) []string {
	parent := cmd.Context()
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithTimeout(parent, completeTimeout)
	defer cancel()
	found := make(chan []string, 1)
	go func() { found <- ask(ctx) }()
	select {
	case all := <-found:
		return all
	case <-ctx.Done():
		return nil
	}
}

// cameraNames asks a vigil for the names of its cameras.
func cameraNames(cmd *cobra.Command, vigil func() (*client.Client, error)) []string {
	return within(cmd, func(ctx context.Context) (names []string) {
		c, err := vigil()
		if err != nil {
			return nil
		}
		all, err := c.Cameras(ctx)
		if err != nil {
			return nil
		}
		for _, one := range all.Cameras {
			// A shell may evaluate what it is offered, and a server may answer anything.
			if alerts.ValidCamera(one.Name) == nil && shownState.MatchString(string(one.State)) {
				names = append(names, cobra.CompletionWithDesc(one.Name, string(one.State)))
			}
		}
		return names
	})
}

// completeCamera completes the first argument with the cameras of a vigil, and the second one with fixed words.
func completeCamera(vigil func() (*client.Client, error), then ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return cameraNames(cmd, vigil), cobra.ShellCompDirectiveNoFileComp
		case 1:
			return then, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeCameraFlag completes a flag of a command with the cameras of a vigil.
func completeCameraFlag(c *cobra.Command, name string, vigil func() (*client.Client, error)) {
	err := c.RegisterFlagCompletionFunc(name,
		func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return cameraNames(cmd, vigil), cobra.ShellCompDirectiveNoFileComp
		})
	if err != nil {
		panic(err) // the command has no such flag
	}
}

// completeAlert completes the first argument with the newest alerts of a vigil that is asked over its API.
func completeAlert(f *alertsFlags) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault // a folder
		}
		ids := []string{"last"}
		return append(ids, within(cmd, func(ctx context.Context) (ids []string) {
			c, err := f.client()
			if err != nil {
				return nil
			}
			all, _, err := c.Alerts(ctx, api.AlertQuery{Camera: f.camera}, maxCompletions)
			if err != nil {
				return nil
			}
			for _, a := range all {
				ids = append(ids, cobra.CompletionWithDesc(a.Decoded.ID,
					a.Decoded.Camera+" "+a.Decoded.Start.Wall.Local().Format(time.DateTime)))
			}
			return ids
		})...), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// configuredCameras are the names of the cameras of a configuration file.
func configuredCameras(cmd *cobra.Command, file string) []string {
	return within(cmd, func(context.Context) (names []string) {
		cfg, _ := config.Load(cmp.Or(file, config.DefaultFile)) // also of a file with mistakes
		for _, c := range cfg.Cameras {
			names = append(names, c.Name)
		}
		return names
	})
}

// completeSources completes sources: the cameras of a configuration file, and files.
func completeSources(file *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return configuredCameras(cmd, *file), cobra.ShellCompDirectiveDefault
	}
}

// completeConfigured completes the flag --camera with the cameras of a configuration file.
func completeConfigured(c *cobra.Command, file *string) {
	err := c.RegisterFlagCompletionFunc("camera",
		func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return configuredCameras(cmd, *file), cobra.ShellCompDirectiveNoFileComp
		})
	if err != nil {
		panic(err) // the command has no such flag
	}
}
