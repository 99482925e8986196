package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"vigil/config"
	"vigil/internal/output"
)

func configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Checks, prints and starts the configuration file",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(configCheckCommand(), configPrintCommand(), configSchemaCommand(), configInitCommand())
	return c
}

func configPrintCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "print",
		Short: "Prints what the configuration file means with every default in place, secrets left out",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(path)
			if err != nil {
				return usageError{err}
			}
			text, err := cfg.YAML()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	configFlag(c, &path)
	return c
}

func configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Prints a JSON Schema of the configuration file, for editors",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			schema, err := config.Schema()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", schema)
			return err
		},
	}
}

func configInitCommand() *cobra.Command {
	var path string
	var force bool
	c := &cobra.Command{
		Use:   "init",
		Short: "Writes a configuration file to start from, with comments",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if path == "-" {
				_, err := cmd.OutOrStdout().Write(config.Example)
				return err
			}
			if err := writeExample(path, force); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: written; see 'vigil config check -c %s'\n", path, path)
			return err
		},
	}
	c.Flags().StringVarP(&path, "output", "o", config.DefaultFile, "the file to write; - for standard output")
	c.Flags().BoolVar(&force, "force", false, "replace a file that is there already")
	return c
}

// writeExample writes all or nothing; without force it never replaces a file, whoever made it and when.
func writeExample(path string, force bool) error {
	if output.Through(path) {
		return output.Write(path, config.Example, 0o600)
	}
	var f *os.File
	var err error
	if force {
		f, err = os.CreateTemp(filepath.Dir(path), ".vigil-config-*")
	} else {
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if errors.Is(err, fs.ErrExist) {
		return usageError{fmt.Errorf("%s: is there already; must be another name (-o), or be replaced with --force",
			path)}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(config.Example)
	err = errors.Join(err, f.Close())
	if err == nil && force {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// configFlag is -c, the same for every command that reads the configuration file.
func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", config.DefaultFile, "the configuration file")
}
