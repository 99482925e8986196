// Command kinds measures which kinds of events are found at three places: that of CUHK Avenue, that of UCSD Ped2, and
// a drawn street. It makes labelled videos of each kind of normal ones, trains and calibrates on other normal video of
// the place, and prints the table of 'vigil eval' for each, and the false alarms on video in which nothing was changed:
//
//	go run ./bench/kinds -data $VIGIL_DATA -out /var/tmp/kinds
//
// What is in the folder already is not made again: the videos, the weights, and the scores by each weights, which do
// not depend on a threshold. So a change of the threshold or of the detector is measured in seconds. -model measures
// weights for all places instead of training some.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vigil/internal/synth/kinds"
)

var (
	data    = flag.String("data", os.Getenv("VIGIL_DATA"), "folder of the data sets; see CONTRIBUTING.md")
	out     = flag.String("out", filepath.Join(os.TempDir(), "vigil-kinds"), "folder for what is made: 6 GB")
	wanted  = flag.String("places", "avenue,ped2,street", "places, separated by commas")
	measure = flag.String("measures", "motion,appearance,both", "measures of the threshold, separated by commas")
	names   = flag.String("kinds", "all", "kinds of events, as 'vigil pseudo --kinds' takes them")
	count   = flag.Int("instances", 3, "videos of each kind")
	seed    = flag.Uint64("seed", 1, "seed of everything random")
	weights = flag.String("model", "", "weights file for all places, instead of training")
	preset  = flag.String("preset", "small", "preset of the weights that are trained")
	recipe  = flag.String("recipe", "local-speed", "recipe of the weights that are trained")
	epochs  = flag.Int("epochs", 0, "epochs of the training; 0 for the recipe's, or the place's")
	rate    = flag.Int("rate", 10, "frames a second of the videos; -out is for one rate only")
	sees    = flag.Float64("fps", 10, "frames a second that the model sees, at most the rate")
	quiet   = flag.Duration("quiet", 10*time.Minute, "length of the street's normal video")
	threads = flag.Int("threads", 0, "processor cores; 0 for all")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	if *rate < 1 || *rate > 60 || *sees <= 0 || *sees > float64(*rate) {
		return fmt.Errorf("-rate: is %d and -fps %g, must be 1 to 60 and no more than that", *rate, *sees)
	}
	chosen, err := kinds.Select(*names)
	if err != nil {
		return fmt.Errorf("-kinds: %w", err)
	}
	var sums []summary
	for name := range strings.SplitSeq(*wanted, ",") {
		i := slices.IndexFunc(places, func(p place) bool { return p.name == name })
		if i < 0 {
			return fmt.Errorf("-places: %q is not a place", name)
		}
		p := places[i]
		if p.needsData && *data == "" {
			return errors.New("-data: which folder has the data sets?")
		}
		p.dir = filepath.Join(*out, name)
		if err := p.prepare(ctx, &p); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		more, err := p.measure(ctx, chosen)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		sums = append(sums, more...)
	}
	return printSums(os.Stdout, sums)
}
