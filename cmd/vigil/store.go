package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vigil/alerts/broker"
	"vigil/alerts/instance"
	"vigil/alerts/store"
	"vigil/app"
	"vigil/config"
)

func storeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "store",
		Short: "Checks and repairs the store of alerts on this machine",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(storeCheckCommand(), storeRepairCommand())
	return c
}

// errDamaged ends a check that found something.
var errDamaged = errors.New(
	"the store is damaged: stop vigil and run 'vigil store repair', or start it, which does the same and logs it")

func storeCheckCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "check",
		Short: "Read every block of the store and say what is damaged and what is missing",
		Long: "Reads every block of the store, whether vigil runs or not, checks each record's hash, compares what " +
			"is there with the ledger of what must be\n" +
			"there, and says which alerts are missing by their numbers. Nothing is changed. The exit code is 1 where " +
			"something is damaged.",
		Example: "  vigil store check -c vigil.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := configuredStore(cmd, file)
			if err != nil {
				return err
			}
			return inspectStore(cmd.OutOrStdout(), dir)
		},
	}
	storeFlag(c, &file)
	return c
}

func storeRepairCommand() *cobra.Command {
	var file string
	var from []string
	c := &cobra.Command{
		Use:   "repair",
		Short: "Set aside what is damaged, and put missing alerts back from what was kept aside",
		Long: "Sets aside the damaged files of a store that no vigil has open, writes back what can be read of them, " +
			"and puts alerts that are missing back in\n" +
			"their places, with their numbers and ids, from the files that were kept aside before and from those " +
			"below --from. Nothing is deleted.\n" +
			"What is put back is not delivered again: 'vigil alerts --local' reads it.",
		Example: "  vigil store repair -c vigil.yaml\n  vigil store repair --from /backup/vigil-data",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := configuredStore(cmd, file)
			if err != nil {
				return err
			}
			for _, f := range from {
				if _, err := os.Stat(f); err != nil {
					return usageError{fmt.Errorf("--from: %w", err)}
				}
			}
			release, err := broker.LockDir(dir)
			if err != nil {
				return err
			}
			return errors.Join(repairStore(cmd.OutOrStdout(), dir, from), release())
		},
	}
	storeFlag(c, &file)
	c.Flags().StringSliceVar(&from, "from", nil,
		"look for missing alerts below this `folder` as well, such as a copy of an older data_dir")
	return c
}

func storeFlag(c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "config", "c", "",
		"configuration `file` that names the data_dir (default: data_dir's default)")
}

// configuredStore is the directory of the store, which must be there.
func configuredStore(_ *cobra.Command, file string) (string, error) {
	cfg := config.Default()
	if file != "" {
		var err error
		if cfg, err = config.LoadParts(file, alertsParts...); err != nil {
			return "", usageError{err}
		}
	}
	dir := app.StoreDir(cfg)
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("no alerts are kept in %s: give -c with the configuration that vigil runs with",
			cfg.DataDir)
	}
	return dir, instance.CheckFormat(cfg.DataDir)
}

func inspectStore(w io.Writer, dir string) error {
	known, wrong, err := store.ReadState(dir)
	if err != nil {
		return err
	}
	found, err := store.Inspect(dir, known)
	if err != nil {
		return err
	}
	printLedger(w, known, wrong)
	printDamage(w, found)
	back, err := store.Rescuable(dir, known)
	if err != nil {
		return err
	}
	if len(back) > 0 {
		fmt.Fprintf(w,
			"%d missing alerts (%v) are in files that were kept aside: 'vigil store repair' puts them back\n",
			back.Count(), back)
	}
	if len(found) > 0 || wrong != "" {
		return errDamaged
	}
	fmt.Fprintln(w, "nothing is damaged")
	return nil
}

func repairStore(w io.Writer, dir string, from []string) error {
	known, wrong, err := store.ReadState(dir)
	if err != nil {
		return err
	}
	now := time.Now()
	found, err := store.Prepare(dir, known, now)
	if err != nil {
		return err
	}
	for _, d := range found {
		if d.Stream == store.AlertStream && known != nil {
			for _, r := range d.Missing {
				known.Holes.Add(r.First, r.Last)
			}
			known.Expected = known.Expected.Without(d.Missing)
		}
	}
	if known != nil {
		if err := store.WriteState(dir, known); err != nil {
			return err
		}
	}
	printDamage(w, found)
	back, err := store.Rescue(dir, known, from, now)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d alerts put back", back.Count())
	if len(back) > 0 {
		fmt.Fprintf(w, ": %v", back)
	}
	fmt.Fprintln(w)
	printLedger(w, known, wrong)
	return nil
}

func printLedger(w io.Writer, s *store.State, wrong string) {
	switch {
	case s == nil && wrong == "":
		fmt.Fprintln(w, "there is no ledger: what may be missing at the end cannot be known")
	case s == nil:
		fmt.Fprintf(w, "the ledger is damaged: %s\n", wrong)
	default:
		if wrong != "" {
			fmt.Fprintf(w, "the ledger is damaged: %s\n", wrong)
		}
		fmt.Fprintf(w, "the ledger has alerts up to number %d, of which %d must be stored, and %d events that go on\n",
			s.Last, s.Expected.Count(), len(s.Open))
		if len(s.Holes) > 0 {
			fmt.Fprintf(w, "missing and reported before: %d (%v)\n", s.Holes.Count(), s.Holes)
		}
	}
}

func printDamage(w io.Writer, found []store.Damage) {
	for _, d := range found {
		fmt.Fprintf(w, "stream %s: %d missing", d.Stream, d.Missing.Count())
		if len(d.Missing) > 0 {
			fmt.Fprintf(w, " (%v)", d.Missing)
		}
		if len(d.Places) > 0 {
			fmt.Fprintf(w, "; damaged: %s", strings.Join(d.Places, "; "))
		}
		if d.KeptAside != "" {
			fmt.Fprintf(w, "; kept in %s", d.KeptAside)
		}
		fmt.Fprintln(w)
	}
}
