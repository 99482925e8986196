package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vigil/api"
	"vigil/api/client"
	"vigil/app"
)

// maxTokenFile bounds a file with a token.
const maxTokenFile = 8 << 10

// Environment variables that select a vigil elsewhere.
const (
	serverVariable = "VIGIL_SERVER"
	tokenVariable  = "VIGIL_TOKEN"
)

// dirFlags select a data directory.
type dirFlags struct {
	config, dataDir string
	json            bool
}

func (f *dirFlags) add(c *cobra.Command) {
	p := c.PersistentFlags()
	p.StringVarP(&f.config, "config", "c", "",
		"configuration `file` with the data_dir (default: vigil.yaml if there is one, else data_dir's default)")
	p.StringVar(&f.dataDir, "data-dir", "", "data directory `folder` of the vigil on this machine")
	p.BoolVar(&f.json, "json", false, "print JSON")
}

// client returns a client of the vigil that runs on the data directory.
func (f *dirFlags) client() (*client.Client, error) {
	dir, err := app.ControlDir(f.config, f.dataDir)
	if err != nil {
		return nil, err
	}
	return client.New(client.Options{DataDir: dir})
}

// remoteFlags are how a vigil elsewhere is asked.
type remoteFlags struct {
	tokenFile, ca string
	insecure      bool
}

func (f *remoteFlags) add(p *pflag.FlagSet) {
	p.StringVar(&f.tokenFile, "token-file", "", "`file` with the token for --server (default $"+tokenVariable+")")
	p.StringVar(&f.ca, "ca", "", "`file` with the certificates to trust for --server (default: those of the system)")
	p.BoolVar(&f.insecure, "insecure-http", false,
		"permit http:// to another machine, although the network can read the token")
}

// errRemoteFlags is the error of remoteFlags without a server.
var errRemoteFlags = app.Usage(
	errors.New("--token-file, --ca and --insecure-http are for --server with a URL: give it too"))

// given reports whether a flag is.
func (f remoteFlags) given() bool { return f != remoteFlags{} }

// options returns the options of a client of a server.
func (f remoteFlags) options(server string) (client.Options, error) {
	o := client.Options{Server: server, CA: f.ca, InsecureHTTP: f.insecure, Token: os.Getenv(tokenVariable)}
	if f.tokenFile == "" {
		return o, nil
	}
	in, err := os.Open(f.tokenFile)
	if err != nil {
		return o, app.Usage(fmt.Errorf("--token-file: %w", err))
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxTokenFile))
	if err != nil {
		return o, app.Usage(fmt.Errorf("--token-file: %w", err))
	}
	if o.Token = strings.TrimSpace(string(text)); o.Token == "" {
		return o, app.Usage(fmt.Errorf("--token-file: %s is empty", f.tokenFile))
	}
	return o, nil
}

// controlFlags select the running vigil that a command asks.
type controlFlags struct {
	dirFlags
	server string
	remote remoteFlags
}

func (f *controlFlags) add(c *cobra.Command) {
	f.dirFlags.add(c)
	p := c.PersistentFlags()
	p.StringVar(&f.server, "server", "", "`URL` of a vigil elsewhere, such as https://vigil.example:8443 (default $"+
		serverVariable+")")
	f.remote.add(p)
}

// client returns a client of the chosen vigil.
func (f *controlFlags) client() (*client.Client, error) {
	here := f.config != "" || f.dataDir != ""
	server := f.server
	switch {
	case here && server != "":
		return nil, app.Usage(errors.New("give either --server, or -c or --data-dir, not both"))
	case !here && server == "":
		server = os.Getenv(serverVariable)
	}
	if server == "" {
		if f.remote.given() {
			return nil, errRemoteFlags
		}
		return f.dirFlags.client()
	}
	o, err := f.remote.options(server)
	if err != nil {
		return nil, err
	}
	c, err := client.New(o)
	return c, requestError(err)
}

// show prints the answer of the vigil.
func (f controlFlags) show(cmd *cobra.Command, ask func(*client.Client) (printer, error)) error {
	c, err := f.client()
	if err != nil {
		return err
	}
	return showAnswer(cmd, c, f.json, ask)
}

// showAnswer prints the answer of a vigil.
func showAnswer(cmd *cobra.Command, c *client.Client, asJSON bool,
	ask func(*client.Client) (printer, error),
) error {
	answer, err := ask(c)
	if err != nil {
		return interrupted(cmd.Context(), requestError(err))
	}
	return show(cmd.OutOrStdout(), asJSON, answer)
}

// requestError makes an error of the request one of usage.
func requestError(err error) error {
	if errors.As(err, new(api.Invalid)) || errors.As(err, new(api.OfFile)) ||
		errors.As(err, new(api.Stale)) || errors.As(err, new(client.UsageError)) {
		return app.Usage(err)
	}
	return err
}
