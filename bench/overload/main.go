//go:build linux

// Command overload measures vigil with more cameras than the machine can handle: it watches n real RTSP cameras with a
// vigil binary and prints how many clips per second were scored of the capacity that "run" reported, how evenly they
// were distributed among the cameras, and the resources used.
//
//	go run ./bench/overload -vigil bin/vigil -video street.h264 -model weights/ped2-small.safetensors -cameras 32,64,128
//
// The video is H.264 in Annex B format, one slice per picture, without B-frames; by default, FFmpeg draws its test
// picture. A separate process sends it, whose processor time is measured. The number of cameras may be a multiple of
// the reported capacity, such as 2x. With -check, it is an error if a process was lost, a camera got less than three
// quarters or more than five quarters of the mean, there was no event, or the log does not report overload exactly
// once.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var (
	vigil     = flag.String("vigil", "bin/vigil", "the binary")
	video     = flag.String("video", "", "an H.264 video in Annex B format")
	weights   = flag.String("model", "weights/ped2-small.safetensors", "weights to score the clips with")
	threshold = flag.String("threshold", "{lo: 0.007089, theta: 0.07733}",
		"threshold of events, as in the configuration")
	fps          = flag.Float64("fps", 10, "frame rate of the video")
	hop          = flag.Int("hop", 2, "hop of the clips")
	cameraCounts = flag.String("cameras", "32,64,128",
		"numbers of cameras to run with, or 2x for twice the capacity")
	check       = flag.Bool("check", false, "fail if cameras are not treated as expected")
	settle      = flag.Duration("settle", time.Minute, "time for the cameras to start before the measurement")
	duration    = flag.Duration("for", time.Minute, "duration of the measurement")
	port        = flag.Int("port", 14222, "port of vigil's NATS server; the cameras use the next one")
	extraConfig = flag.String("config", "", "a file with additional configuration")
	logDir      = flag.String("log", "", "a folder for the logs")
)

const summaryInterval = 5 * time.Second

func main() {
	log.SetFlags(0)
	if len(os.Args) == 4 && os.Args[1] == "send" {
		if err := send(os.Args[2], os.Args[3]); err != nil {
			log.Fatal(err)
		}
		return
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	fmt.Println(
		"| cameras | clips/s that fit | scored/s | of these | and without the senders | least and most of the mean | " +
			"failures | events | paused | processor of: scorer, cameras, senders, idle | memory: own, all |\n" +
			"|---|---|---|---|---|---|---|---|---|---|---|")
	err := run(ctx)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	if *video == "" {
		dir, err := os.MkdirTemp("", "vigil-overload-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() // a temporary folder of this program
		*video = filepath.Join(dir, "video.h264")
		source := fmt.Sprintf("testsrc2=size=360x240:rate=%g:duration=60", *fps)
		draw := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p",
			"-c:v", "libx264", "-crf", "23", "-bf", "0",
			"-g", strconv.Itoa(int(2**fps)), "-x264-params", "slices=1:sliced-threads=0", *video)
		if out, err := draw.CombinedOutput(); err != nil {
			return fmt.Errorf("ffmpeg: %w: %s", err, out)
		}
	}
	var wrong []error
	for text := range strings.SplitSeq(*cameraCounts, ",") {
		n, err := parseCameraCount(ctx, text)
		if err != nil {
			return err
		}
		line, w, err := measure(ctx, n, *settle, *duration)
		if err != nil {
			return err
		}
		fmt.Println(line)
		wrong = append(wrong, w.problems()...)
	}
	if *check {
		return errors.Join(wrong...)
	}
	return nil
}

// parseCameraCount parses a number of cameras, or a multiple of the capacity.
func parseCameraCount(ctx context.Context, text string) (int, error) {
	times, ok := strings.CutSuffix(text, "x")
	n, err := strconv.Atoi(times)
	if err != nil || !ok {
		return n, err
	}
	_, w, err := measure(ctx, 1, 10*time.Second, time.Second)
	if err != nil {
		return 0, err
	}
	return n * max(1, w.capacity), nil
}
