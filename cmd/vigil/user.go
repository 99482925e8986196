package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"vigil/api/access"
	"vigil/app"
	"vigil/internal/terminal"
)

// maxPasswordLine bounds a password on standard input.
const maxPasswordLine = 4 << 10

// grantFlags say what a user or a token may do.
type grantFlags struct {
	role    string
	cameras []string
}

func (g *grantFlags) add(c *cobra.Command, f *dirFlags) {
	c.Flags().StringVar(&g.role, "role", string(access.RoleView), "view, or operate to change things too")
	c.Flags().StringSliceVar(&g.cameras, "camera", nil, "limit it to this camera `name`; may be repeated")
	completeCameraFlag(c, "camera", f.client)
}

func (g *grantFlags) grant() access.Grant {
	return access.Grant{Role: access.Role(g.role), Cameras: g.cameras}
}

// store returns the users and tokens of the chosen data directory.
func (f dirFlags) store() (*access.Store, error) {
	dir, err := app.ControlDir(f.config, f.dataDir)
	if err != nil {
		return nil, err
	}
	return access.NewStore(dir), nil
}

// edit changes users or tokens, whether vigil runs or not.
func (f dirFlags) edit(change func(*access.Store) error) error {
	s, err := f.store()
	if err == nil {
		err = change(s)
	}
	if errors.As(err, new(access.Invalid)) {
		return app.Usage(err)
	}
	return err
}

func userCommand() *cobra.Command {
	return accountCommand(accountTexts{
		use: "user", short: "Add, list and remove the users who log in with a password",
		list: "List the users, with what they may do", remove: "remove",
		removeShort: "Remove a user, and end the user's sessions", removed: "removed",
	}, userAddCommand, func(s *access.Store) (printer, error) {
		users, err := s.Users()
		return userList{users}, err
	}, (*access.Store).RemoveUser)
}

// accountTexts are those of the commands of users, or of tokens.
type accountTexts struct {
	use, short, list             string
	remove, removeShort, removed string
}

// accountCommand returns the commands that add, list and remove users, or tokens.
func accountCommand(texts accountTexts, add func(*dirFlags) *cobra.Command,
	all func(*access.Store) (printer, error), remove func(*access.Store, string) error,
) *cobra.Command {
	var f dirFlags
	c := &cobra.Command{
		Use: texts.use, Short: texts.short, Long: help(texts.use), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.add(c)
	c.AddCommand(add(&f), &cobra.Command{
		Use: "list", Short: texts.list, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.edit(func(s *access.Store) error {
				found, err := all(s)
				if err != nil {
					return err
				}
				return show(cmd.OutOrStdout(), f.json, found)
			})
		},
	}, &cobra.Command{
		Use: texts.remove + " NAME", Short: texts.removeShort, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.edit(func(s *access.Store) error {
				if err := remove(s, args[0]); err != nil {
					return err
				}
				return show(cmd.OutOrStdout(), f.json, accountDone{args[0], texts.removed})
			})
		},
	})
	return c
}

func userAddCommand(f *dirFlags) *cobra.Command {
	var g grantFlags
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user; the password is asked for, or read from standard input",
		Example: "  vigil user add anna --role operate\n  vigil user add guard --camera gate --camera yard\n" +
			"  vigil user add anna < password.txt",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.edit(func(s *access.Store) error {
				password, err := readPassword(cmd.InOrStdin(), cmd.ErrOrStderr())
				if err != nil {
					return err
				}
				if err := s.AddUser(args[0], password, g.grant()); err != nil {
					return err
				}
				return show(cmd.OutOrStdout(), f.json, accountDone{args[0], "added"})
			})
		},
	}
	g.add(c, f)
	return c
}

// readPassword asks for a password twice on a terminal, or reads a line.
func readPassword(in io.Reader, prompt io.Writer) (string, error) {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) { //nolint:gosec // A file descriptor is small.
		var answers [2]string
		for i, question := range []string{"Password: ", "Again: "} {
			fmt.Fprint(prompt, question)
			text, err := term.ReadPassword(int(f.Fd())) //nolint:gosec // A file descriptor is small.
			fmt.Fprintln(prompt)
			if err != nil {
				return "", fmt.Errorf("read the password: %w", err)
			}
			answers[i] = string(text)
		}
		if answers[0] != answers[1] {
			return "", app.Usage(errors.New("the two passwords differ"))
		}
		return answers[0], nil
	}
	line, err := bufio.NewReader(io.LimitReader(in, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}

// accountDone is what was done to a user or a token.
type accountDone struct {
	Name string `json:"name"`
	Done string `json:"done"`
}

// Print writes it in a line.
func (d accountDone) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s: %s\n", terminal.Printable(d.Name), d.Done)
	return err
}

type userList struct {
	Users []access.User `json:"users"`
}

// Print writes the users for people.
func (l userList) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "USER\tROLE\tCAMERAS\tCREATED")
	for _, u := range l.Users {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", terminal.Printable(u.Name), u.Role, camerasText(u.Grant),
			dateText(u.Created))
	}
	return t.Flush()
}

func camerasText(g access.Grant) string {
	switch {
	case g.Cameras == nil:
		return "all"
	case len(g.Cameras) == 0:
		return "none"
	}
	return terminal.Printable(strings.Join(g.Cameras, ","))
}

func dateText(t time.Time) string { return t.Local().Format(time.DateTime) }
