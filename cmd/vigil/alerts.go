package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/api/client"
	"vigil/app"
)

type alertsFlags struct {
	server, creds, config, camera, since string
	json, local                          bool
	remote                               remoteFlags
}

func alertsCommand() *cobra.Command {
	var f alertsFlags
	var follow bool
	c := &cobra.Command{
		Use:   "alerts",
		Short: "Follow alerts from NATS, show, export and acknowledge them",
		Long: `Follow alerts from NATS: a line for each message, until a signal ends it.
With --json, each line is the message itself, a CloudEvent.

The server is that of -c, of --server, or of $NATS_URL with $NATS_USER and $NATS_PASSWORD. ` +
			`With --local it is the store on this
machine, which has everything also while the configured server is away, and can be read while vigil does not run.

If --server or $VIGIL_SERVER is a URL with https:// or http://, the alerts are those of a vigil elsewhere, over its API,
with a token from --token-file or $VIGIL_TOKEN. list, show, export and ack also ask the vigil that runs on this machine,
where the alerts are its own.`,
		Example: `  vigil alerts --since yesterday --camera yard
  vigil alerts --since 24h --follow=false --json
  vigil alerts list --since 2d
  vigil alerts show last
  vigil alerts ack 01JPB5Z7T2W4 --normal --local
  vigil alerts list --server https://vigil.example:8443 --token-file token.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return followAlerts(cmd, f, !follow) },
	}
	p := c.PersistentFlags()
	p.BoolVar(&f.json, "json", false, "print JSON: messages unchanged, one per line")
	p.StringVar(&f.server, "server", "", "address of the NATS server, or https:// `URL` of a vigil "+
		"(default $VIGIL_SERVER, else $NATS_URL, else "+app.DefaultNATS+")")
	f.remote.add(p)
	p.StringVar(&f.creds, "creds", "", "credentials `file` for NATS")
	p.StringVarP(&f.config, "config", "c", "", "read the server's address from this configuration `file`")
	p.BoolVar(&f.local, "local", false,
		"read the store of the vigil on this machine, in the data_dir of -c or the default one")
	p.StringVar(&f.camera, "camera", "", "only this camera's alerts")
	const since = "also print the alerts since then: 24h or 2d ago, today, yesterday, 2026-11-20 or " +
		"2026-11-20T10:00, local `time`"
	c.Flags().StringVar(&f.since, "since", "", since)
	c.Flags().BoolVar(&follow, "follow", true, "follow new alerts; false ends after the stored ones")
	list := alertsListCommand(&f)
	list.Flags().StringVar(&f.since, "since", "", since)
	completeCameraFlag(c, "camera", func() (*client.Client, error) { //nolint:gocritic // not f.client: f changes
		return f.client() // of f as it is then, with the flags
	})
	c.AddCommand(list, alertsShowCommand(&f), alertsExportCommand(&f), alertsAckCommand(&f))
	return c
}

// check returns the time of --since; zero if it is not given.
func (f alertsFlags) check() (since time.Time, err error) {
	if f.since != "" {
		if since, err = archive.ParseSince(f.since, time.Now()); err != nil {
			return since, fmt.Errorf("--since %w", err)
		}
	}
	if f.camera != "" {
		if err := alerts.ValidCamera(f.camera); err != nil {
			return since, app.Usage(fmt.Errorf("--camera: %w", err))
		}
	}
	return since, nil
}

// options say where the alerts are.
func (f alertsFlags) options(cmd *cobra.Command, write bool) app.ArchiveOptions {
	warnOfLogin(cmd.ErrOrStderr(), "--server", f.server, ", or give -c")
	return app.ArchiveOptions{File: f.config, Server: f.server, Creds: f.creds, Local: f.local, Write: write}
}

// api returns the URL of the vigil that is asked over its API; "" for none. --server may also be that of a NATS server.
func (f alertsFlags) api() string {
	scheme, _, _ := strings.Cut(strings.ToLower(f.server), "://")
	switch {
	case scheme == "http" || scheme == "https":
		return f.server
	case f.server == "" && f.creds == "" && f.config == "" && !f.local:
		return os.Getenv(serverVariable)
	}
	return ""
}

// open opens the alerts for what the API offers, too.
func (f alertsFlags) open(cmd *cobra.Command, write bool, o archive.Observer) (app.AlertSource, error) {
	url := f.api()
	if url == "" {
		if f.remote.given() {
			return nil, errRemoteFlags
		}
		return app.OpenAlerts(cmd.Context(), f.options(cmd, write), o)
	}
	remote, err := f.remote.options(url)
	if err != nil {
		return nil, err
	}
	return app.OpenAlerts(cmd.Context(), app.ArchiveOptions{
		File: f.config, Creds: f.creds, Local: f.local, API: remote,
	}, o)
}

// client returns a client of the vigil that is asked over its API, for completions.
func (f alertsFlags) client() (*client.Client, error) {
	if url := f.api(); url != "" {
		o, err := f.remote.options(url)
		if err != nil {
			return nil, err
		}
		return client.New(o)
	}
	dir := app.ArchiveOptions{File: f.config, Server: f.server, Creds: f.creds, Local: f.local}.ServedFrom()
	if dir == "" {
		return nil, errors.New("the alerts are those of a NATS server")
	}
	return client.New(client.Options{DataDir: dir})
}

// with opens the alerts for a command that ends by itself.
func (f alertsFlags) with(cmd *cobra.Command, write bool,
	do func(a app.AlertSource, since time.Time) error,
) error {
	since, err := f.check()
	if err != nil {
		return err
	}
	o, _ := archive.Notes(noteTo(cmd.ErrOrStderr()))
	o.State = nil
	a, err := f.open(cmd, write, o)
	if err == nil {
		err = errors.Join(do(a, since), a.Close())
	}
	return interrupted(cmd.Context(), requestError(err))
}

// noteTo prints notes to standard error.
func noteTo(w io.Writer) func(text string) {
	return func(text string) { fmt.Fprintln(w, "vigil:", text) }
}

// warnOfLogin warns of a password in a NATS address on the command line.
func warnOfLogin(w io.Writer, flag, address, or string) {
	if warning := app.LoginWarning(flag, address, or); warning != "" {
		noteTo(w)(warning)
	}
}

func followAlerts(cmd *cobra.Command, f alertsFlags, once bool) error {
	since, err := f.check()
	if err != nil {
		return err
	}
	if once && since.IsZero() {
		return app.Usage(errors.New("--follow=false: give --since too, such as 24h; without it there is nothing " +
			"to show ('vigil alerts list' shows what there is)"))
	}
	ctx, out, note := cmd.Context(), cmd.OutOrStdout(), noteTo(cmd.ErrOrStderr())
	each := func(m archive.Message) error {
		if f.json {
			return archive.WriteMessage(out, m.Raw)
		}
		_, err := fmt.Fprintln(out, archive.Line(m.Alert))
		return err
	}
	if url := f.api(); url != "" {
		vigil, err := f.remote.options(url)
		if err == nil {
			o := archive.FollowOptions{Camera: f.camera, Since: since, Once: once}
			err = app.FollowAlerts(ctx, vigil, o, note, each)
		}
		return interrupted(ctx, requestError(err))
	}
	if f.remote.given() {
		return errRemoteFlags
	}
	observer, invalid := archive.Notes(note)
	a, err := app.OpenArchive(ctx, f.options(cmd, false), observer)
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped by the user while connecting
		}
		return err
	}
	if !a.Running() && !once {
		note("no vigil runs on this store, so there will be no new alerts")
		once = true
	}
	err = a.Follow(ctx, archive.FollowOptions{Camera: f.camera, Since: since, Once: once, Invalid: invalid},
		each)
	return errors.Join(err, a.Close())
}

func alertsListCommand(f *alertsFlags) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:   "list",
		Short: "List alerts, one per line, the newest last",
		Long: "List the stored alerts, one per line, the newest last. With --json, each line is an alert's last " +
			"message, a CloudEvent,\nwhich is complete.",
		Example: "  vigil alerts list --since yesterday --camera yard",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return listAlerts(cmd, *f, limit) },
	}
	c.Flags().IntVar(&limit, "limit", 50, "only the newest; 0 for all")
	return c
}

func listAlerts(cmd *cobra.Command, f alertsFlags, limit int) error {
	if limit < 0 {
		return app.Usage(fmt.Errorf("--limit %d: give a number of alerts, or 0 for all", limit))
	}
	out, note := cmd.OutOrStdout(), noteTo(cmd.ErrOrStderr())
	_, invalid := archive.Notes(note)
	var all []archive.Entry
	var total int
	err := f.with(cmd, false, func(a app.AlertSource, since time.Time) (err error) {
		all, total, err = a.List(cmd.Context(), archive.ListOptions{
			Camera: f.camera, Since: since, Limit: limit, Acks: !f.json, Invalid: invalid,
		})
		return err
	})
	if err != nil {
		return err
	}
	if total < 0 {
		note(fmt.Sprintf("the newest %d alerts; there are more (--limit 0 lists all)", len(all)))
	} else if len(all) < total {
		note(fmt.Sprintf("the newest %d of %d alerts; --limit 0 lists all", len(all), total))
	}
	if !f.json {
		return archive.WriteTable(out, all)
	}
	for _, e := range all {
		if err := archive.WriteMessage(out, e.Raw); err != nil {
			return err
		}
	}
	return nil
}
