package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"vigil/alerts/archive"
	"vigil/alerts/broker"
	"vigil/api/client"
	"vigil/config"
	"vigil/internal/terminal"
)

// DefaultNATS is the server whose alerts are read by default.
const DefaultNATS = "nats://127.0.0.1:4222"

// ArchiveOptions select where alerts are read. The zero value is the server of $NATS_URL, or else DefaultNATS.
type ArchiveOptions struct {
	File   string // the configuration that names the server, or with Local the data directory
	Server string // address of the server
	Creds  string // credentials file for the server
	Local  bool   // the store on this machine, in the data directory of File or the default one
	Write  bool   // something will be written: through the socket of a vigil that runs here
	// API is the vigil elsewhere that is asked over its API; without a Server there is none. Only OpenAlerts uses it.
	API client.Options
}

// OpenArchive decides where alerts are read and opens them.
func OpenArchive(ctx context.Context, o ArchiveOptions, observer archive.Observer) (*archive.Archive, error) {
	given := o.Server != "" || o.Creds != ""
	if given && (o.Local || o.File != "") {
		other := "-c"
		if o.Local {
			other = "--local"
		}
		return nil, Usage(fmt.Errorf("give either %s or --server and --creds, not both", other))
	}
	cfg, err := ArchiveConfig(o.File)
	if err != nil {
		return nil, err
	}
	if o.Local {
		a, err := archive.OpenLocal(ctx, cfg.DataDir, observer)
		if errors.Is(err, archive.ErrNoStore) {
			err = fmt.Errorf("--local: %w", err)
		}
		return a, err
	}
	fromEnvironment := o.File == "" && os.Getenv("NATS_URL") != ""
	if o.Write && !given && !fromEnvironment && cfg.NATS.URL == "" {
		// Without an account the port of the embedded server only permits reading.
		if a, err := archive.DialSocket(ctx, cfg.DataDir); err == nil {
			return a, nil
		}
	}
	server := broker.DialOptions{
		URL: cmp.Or(o.Server, os.Getenv("NATS_URL"), DefaultNATS), Creds: o.Creds, User: os.Getenv("NATS_USER"),
		Password: os.Getenv("NATS_PASSWORD"),
	}
	if o.File != "" {
		if server, err = archiveServer(cfg); err != nil {
			return nil, fmt.Errorf("%s: %w", o.File, err)
		}
	} else if err := broker.CheckURL(server.URL); err != nil {
		return nil, Usage(err)
	}
	return archive.Dial(ctx, server, observer)
}

// LoginWarning returns a warning about a password or a token in a flag's NATS address, with a remedy and more;
// "" if there is none.
func LoginWarning(flag, address, or string) string {
	shown := broker.RedactURL(address)
	if !strings.Contains(shown, "@") {
		return ""
	}
	return fmt.Sprintf(
		"warning: %s %s was given with a password or a token, which every user of this machine can read "+
			"in the list of processes; set $NATS_USER and $NATS_PASSWORD instead%s", flag, terminal.Escape(shown), or)
}

// ArchiveConfig reads the parts of a configuration file that reading alerts needs, without the cameras. Without
// a file it returns the defaults.
func ArchiveConfig(file string) (config.Config, error) {
	if file == "" {
		return config.Default(), nil
	}
	cfg, err := config.LoadParts(file, "nats", "data_dir")
	if err != nil {
		return cfg, Usage(err)
	}
	return cfg, nil
}

// ControlDir returns the data directory of the vigil to ask: that of a configuration file, or a folder, or else of the
// default configuration if there is one, or else the default.
func ControlDir(file, dataDir string) (string, error) {
	switch {
	case file != "" && dataDir != "":
		return "", Usage(errors.New("give either -c or --data-dir, not both"))
	case dataDir != "":
		return dataDir, nil
	case file == "" && exists(config.DefaultFile):
		file = config.DefaultFile
	}
	if file == "" {
		return config.Default().DataDir, nil
	}
	cfg, err := config.LoadParts(file, "data_dir")
	if err != nil {
		return "", Usage(err)
	}
	return cfg.DataDir, nil
}

// archiveServer is the server from which a configuration's alerts are read: the configured or the embedded one.
func archiveServer(cfg config.Config) (broker.DialOptions, error) {
	if cfg.NATS.URL != "" {
		return DialOptions(cfg.NATS), nil
	}
	e := cfg.NATS.Embedded
	if e.Port == 0 {
		return broker.DialOptions{}, Usage(errors.New(
			"nats.embedded.port is any free one: give --server with the address that vigil run logs"))
	}
	host := e.Host
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return broker.DialOptions{
		URL: "nats://" + net.JoinHostPort(host, strconv.Itoa(e.Port)), User: e.User, Password: e.Password.Reveal(),
	}, nil
}
