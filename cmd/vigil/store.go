package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"vigil/alerts/archive"
	"vigil/app"
)

func storeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "store",
		Short: "Check and repair the store of alerts on this machine",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(storeCheckCommand(), storeRepairCommand())
	return c
}

func storeCheckCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "check",
		Short: "Read every block of the store and report what is damaged or missing",
		Long: "Reads every block of the store, whether vigil runs or not, checks each record's hash, compares the " +
			"store with the ledger of what must be\n" +
			"there, and reports missing alerts by number. Nothing is changed. The exit code is 1 if " +
			"something is damaged.",
		Example: "  vigil store check -c vigil.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return checkStore(cmd.OutOrStdout(), file) },
	}
	storeFlag(c, &file)
	return c
}

func storeRepairCommand() *cobra.Command {
	var file string
	var from []string
	c := &cobra.Command{
		Use:   "repair",
		Short: "Quarantine damaged files and restore missing alerts",
		Long: "Quarantines the damaged files of a store that no vigil has open, writes back what can be read of\n" +
			"them, and restores missing alerts with their numbers and ids, from the files quarantined before and\n" +
			"from those below --from. Nothing is deleted. Restored alerts are not delivered again:\n" +
			"'vigil alerts --local' reads them.",
		Example: "  vigil store repair -c vigil.yaml\n  vigil store repair --from /backup/vigil-data",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return repairStore(cmd.OutOrStdout(), file, from) },
	}
	storeFlag(c, &file)
	c.Flags().StringSliceVar(&from, "from", nil,
		"also search for missing alerts below this `folder`, such as a copy of an older data_dir")
	return c
}

func storeFlag(c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "config", "c", "",
		"configuration `file` that names the data_dir (default: data_dir's default)")
}

func checkStore(w io.Writer, file string) error {
	cfg, err := app.ArchiveConfig(file)
	if err != nil {
		return err
	}
	r, err := archive.CheckStore(cfg.DataDir)
	if r != nil {
		fmt.Fprint(w, r.Found())
	}
	if err != nil {
		return err
	}
	fmt.Fprint(w, r.Advice())
	return r.Err()
}

func repairStore(w io.Writer, file string, from []string) error {
	cfg, err := app.ArchiveConfig(file)
	if err != nil {
		return err
	}
	for _, f := range from {
		if _, err := os.Stat(f); err != nil {
			return app.Usage(fmt.Errorf("--from: %w", err))
		}
	}
	r, err := archive.RepairStore(cfg.DataDir, from)
	if r != nil {
		fmt.Fprint(w, r.Repaired(err == nil))
	}
	return err
}
