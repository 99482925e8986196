package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/internal/terminal"
)

func alertsListCommand(f *alertsFlags) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:   "list",
		Short: "List alerts, one a line, the newest last",
		Long: "List the alerts that are kept, one a line, the newest last. With --json, each line is an alert's last " +
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
		return usageError{fmt.Errorf("--limit %d: give a number of alerts, or 0 for all", limit)}
	}
	var all []archive.Entry
	var total int
	err := f.with(cmd, false, func(a *archive.Archive, since time.Time) (err error) {
		all, total, err = a.List(cmd.Context(), archive.ListOptions{
			Camera: f.camera, Since: since, Limit: limit, Acks: !f.json, Invalid: passedOver(cmd.ErrOrStderr()),
		})
		return err
	})
	if err != nil {
		return err
	}
	if len(all) < total {
		fmt.Fprintf(cmd.ErrOrStderr(), "vigil: the newest %d of %d alerts; --limit 0 lists all\n", len(all), total)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	var ids []string
	for _, e := range all {
		ids = append(ids, e.Alert.ID)
	}
	digits := archive.DistinctDigits(ids)
	for i, e := range all {
		if f.json {
			if err := writeMessage(cmd.OutOrStdout(), e.Raw); err != nil {
				return err
			}
			continue
		}
		if i == 0 {
			fmt.Fprintln(w, "ID\tBEGAN\tCAMERA\tLASTED\tPEAK\tSTATE")
		}
		fmt.Fprintln(w, alertRow(e, digits))
	}
	return w.Flush()
}

func alertRow(e archive.Entry, digits int) string {
	a, state, peak, camera := e.Alert, "goes on", "", e.Alert.Camera
	if a.EndReason != "" {
		state = string(a.EndReason)
	}
	if a.Kind != alerts.KindAnomaly {
		state = string(a.Kind) + ", " + state
	}
	if e.Ack != nil {
		state += ", " + map[bool]string{true: "normal", false: "seen"}[e.Ack.Normal] + " (" + e.Ack.By + ")"
	}
	if r := a.Measurement; r != nil {
		peak = fmt.Sprintf("%.4g of %.4g", r.PeakError, r.Threshold)
	}
	if len(a.Zones) > 0 {
		camera += " " + terminal.Printable(strings.Join(a.Zones, ", "))
	}
	return strings.Join([]string{
		a.ID[:min(digits, len(a.ID))], a.Start.Wall.Local().Format(time.DateTime), camera,
		fmt.Sprintf("%.1f s", a.DurationSeconds), peak, terminal.Printable(state),
	}, "\t")
}
