package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vigil/api/access"
	"vigil/app"
	"vigil/internal/terminal"
)

func tokenCommand() *cobra.Command {
	return accountCommand(accountTexts{
		use: "token", short: "Add, list and revoke the tokens that programs log in with",
		list: "List the tokens, with what they may do; not the tokens themselves", remove: "revoke",
		removeShort: "Revoke a token at once", removed: "revoked",
	}, tokenAddCommand, func(s *access.Store) (printer, error) {
		tokens, err := s.Tokens()
		return tokenList{tokens}, err
	}, (*access.Store).RevokeToken)
}

func tokenAddCommand(f *dirFlags) *cobra.Command {
	var g grantFlags
	var expires string
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a token and print it; it is shown only this once",
		Example: "  vigil token add homeassistant --role operate > token.txt\n" +
			"  vigil token add prometheus --expires 365d",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			end, err := expiry(expires, time.Now())
			if err != nil {
				return app.Usage(err)
			}
			return f.edit(func(s *access.Store) error {
				secret, err := s.AddToken(args[0], g.grant(), end)
				if err != nil {
					return err
				}
				return show(cmd.OutOrStdout(), f.json, newToken{args[0], secret})
			})
		},
	}
	g.add(c, f)
	c.Flags().StringVar(&expires, "expires", "", "after this `time`, as 90d or 12h (default: never)")
	return c
}

// maxExpiry bounds --expires.
const maxExpiry = 10 * 365 * 24 * time.Hour

// expiry reads the flag --expires; "" is never.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	length, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		length = time.Duration(n) * 24 * time.Hour //nolint:gosec // It has 16 bits.
	}
	if err != nil || length < time.Minute || length > maxExpiry {
		return time.Time{}, fmt.Errorf("--expires: is %q, must be a time such as 90d or 12h, from 1m to %dd", text,
			maxExpiry/(24*time.Hour))
	}
	return now.Add(length), nil
}

// newToken is a token that was just made.
type newToken struct {
	Name  string `json:"name"`
	Token string `json:"token"`
}

// Print writes the token alone, so that it can be written to a file.
func (n newToken) Print(w io.Writer) error {
	_, err := fmt.Fprintln(w, n.Token)
	return err
}

type tokenList struct {
	Tokens []access.Token `json:"tokens"`
}

// Print writes the tokens for people.
func (l tokenList) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TOKEN\tROLE\tCAMERAS\tCREATED\tEXPIRES")
	for _, one := range l.Tokens {
		end := "never"
		if one.Expires != nil {
			end = dateText(*one.Expires)
		}
		if one.Expired(time.Now()) {
			end += " (expired)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", terminal.Printable(one.Name), one.Role, camerasText(one.Grant),
			dateText(one.Created), end)
	}
	return t.Flush()
}
