package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/broker"
)

// listed is an alert as its last message has it.
type listed struct {
	alert   alerts.Alert
	message []byte
	ack     string
}

func alertsListCommand(f *alertsFlags) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:   "list",
		Short: "List alerts, one a line, the newest last",
		Long: "List the alerts that are kept, one a line, the newest last. With --json, each line is an alert's last " +
			"message, a CloudEvent,\n" +
			"which is complete.",
		Example: "  vigil alerts list --since yesterday --camera yard",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usageError{fmt.Errorf("--limit %d: give a number of alerts, or 0 for all", limit)}
			}
			return listAlerts(cmd, *f, limit)
		},
	}
	c.Flags().IntVar(&limit, "limit", 50, "only the newest; 0 for all")
	return c
}

func listAlerts(cmd *cobra.Command, f alertsFlags, limit int) error {
	since, err := f.check(time.Now())
	if err != nil {
		return err
	}
	ctx, notes := cmd.Context(), cmd.ErrOrStderr()
	src, err := f.open(cmd, nil)
	if err != nil {
		return interrupted(ctx, err)
	}
	found := map[string]listed{}
	err = archive.New(src.Conn).Follow(ctx, archive.FollowOptions{
		Camera: f.camera, Since: since, All: since.IsZero(), Once: true,
		Invalid: passedOver(notes),
	},
		func(m archive.Message) error {
			found[m.Alert.ID] = listed{alert: m.Alert, message: m.Raw}
			return nil
		})
	all := newest(found, limit)
	if err == nil && !f.json {
		err = addAcks(ctx, src.Conn, all)
	}
	if closeErr := src.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return interrupted(ctx, err)
	}
	if len(all) < len(found) {
		fmt.Fprintf(notes, "vigil: the newest %d of %d alerts; --limit 0 lists all\n", len(all), len(found))
	}
	if f.json {
		for _, l := range all {
			if err := writeMessage(cmd.OutOrStdout(), l.message); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	if len(all) > 0 {
		fmt.Fprintln(w, "ID\tBEGAN\tCAMERA\tLASTED\tPEAK\tSTATE")
	}
	var ids []string
	for _, l := range all {
		ids = append(ids, l.alert.ID)
	}
	digits := archive.DistinctDigits(ids)
	for _, l := range all {
		fmt.Fprintln(w, l.row(digits))
	}
	return w.Flush()
}

// newest sorts by when alerts began, the newest last.
func newest(found map[string]listed, limit int) []listed {
	var all []listed
	for _, l := range found {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b listed) int {
		if c := a.alert.Start.Wall.Compare(b.alert.Start.Wall); c != 0 {
			return c
		}
		return strings.Compare(a.alert.ID, b.alert.ID)
	})
	if limit > 0 && len(all) > limit {
		all = all[len(all)-limit:]
	}
	return all
}

// addAcks says what people have said of the alerts.
func addAcks(ctx context.Context, conn *broker.Conn, all []listed) error {
	for i := range all {
		ack, ok, err := archive.GetAck(ctx, conn.JetStream(), all[i].alert.ID)
		if err != nil {
			return err
		}
		switch {
		case ok && ack.Normal:
			all[i].ack = ", normal (" + ack.By + ")"
		case ok:
			all[i].ack = ", seen (" + ack.By + ")"
		}
	}
	return nil
}

func (l listed) row(digits int) string {
	a := l.alert
	state := "goes on"
	if a.EndReason != "" {
		state = string(a.EndReason)
	}
	if a.Kind != alerts.KindAnomaly {
		state = string(a.Kind) + ", " + state
	}
	peak := ""
	if r := a.Measurement; r != nil {
		peak = fmt.Sprintf("%.4g of %.4g", r.PeakError, r.Threshold)
	}
	camera := a.Camera
	if len(a.Zones) > 0 {
		camera += " " + printable(strings.Join(a.Zones, ", "))
	}
	return strings.Join([]string{
		a.ID[:min(digits, len(a.ID))], a.Start.Wall.Local().Format(time.DateTime), camera,
		strconv.FormatFloat(a.DurationSeconds, 'f', 1, 64) + " s", peak,
		printable(state + l.ack),
	}, "\t")
}
