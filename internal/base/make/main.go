// Make trains base weights: of drawn streets, and of the recordings in a folder of data.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"vigil/internal/base"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "make:", err)
		os.Exit(1)
	}
}

func run() error {
	o := base.Options{Stderr: os.Stderr}
	var without string
	flag.StringVar(&o.Out, "o", "", "weights `file` to write")
	flag.StringVar(&o.From, "from", "", "weights `file` to start from")
	flag.StringVar(&o.Data, "data", "", "`folder` of the recordings; without it only streets are used")
	flag.StringVar(&without, "without", "", "`places` to leave out, with commas between")
	flag.StringVar(&o.Preset, "preset", "small", "size of the network")
	flag.IntVar(&o.Streets, "streets", 120, "number of drawn streets")
	flag.IntVar(&o.Seconds, "seconds", 16, "seconds of each street")
	flag.IntVar(&o.Epochs, "epochs", 5, "number of epochs")
	flag.Uint64Var(&o.Seed, "seed", 1, "seed of everything random")
	flag.IntVar(&o.Threads, "threads", 0, "processor cores; 0 for all")
	flag.Parse()
	if o.Out == "" || flag.NArg() > 0 {
		return fmt.Errorf("give -o FILE, and no other arguments")
	}
	o.Without = strings.FieldsFunc(without, func(r rune) bool { return r == ',' })
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	began := time.Now()
	result, err := base.Make(ctx, o)
	if err != nil {
		return err
	}
	result.Print(os.Stdout, o.Out, time.Since(began))
	return nil
}
