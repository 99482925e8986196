package scene

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// WriteVideo writes the first frames as an H.264 video; the extension (.mkv, .mp4) selects the container. It needs
// ffmpeg with libx264 on the PATH, and even sides. An unfinished video is removed.
func (s *Street) WriteVideo(ctx context.Context, path string, frames int) error {
	if s.cfg.Width%2 != 0 || s.cfg.Height%2 != 0 {
		return fmt.Errorf("writing %s: H.264 needs even sides, the street has %dx%d", path, s.cfg.Width, s.cfg.Height)
	}
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		return fmt.Errorf(
			"writing %s: ffmpeg is needed for H.264 and is not on the PATH; install it (Debian: apt-get install "+
				"ffmpeg) or write a folder of frames: %w", path, err)
	}
	// ffmpeg selects the container by the file extension, so the temporary file keeps it.
	f, err := os.CreateTemp(filepath.Dir(path), ".part-*-"+filepath.Base(path))
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	part := f.Name()
	if err := errors.Join(f.Chmod(0o644), f.Close(), s.encode(ctx, ffmpeg, part, frames)); err != nil {
		_ = os.Remove(part)
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(part, path); err != nil {
		_ = os.Remove(part)
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

func (s *Street) encode(ctx context.Context, ffmpeg, path string, frames int) error {
	cmd := exec.CommandContext(ctx, ffmpeg, "-hide_banner", "-loglevel", "error", "-y",
		"-f", "rawvideo", "-pix_fmt", "bgr24", "-video_size", fmt.Sprintf("%dx%d", s.cfg.Width, s.cfg.Height),
		"-framerate", strconv.FormatFloat(s.cfg.FPS, 'f', -1, 64), "-i", "pipe:0",
		"-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p", "-g", "25",
		"-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact", "-threads", "1", "file:"+path)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var written error
	var bgr []byte
	for n := 0; n < frames && written == nil; n++ {
		bgr = s.Frame(n, bgr)
		_, written = pipe.Write(bgr)
	}
	_ = pipe.Close()
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("ffmpeg: %s: %w", strings.TrimSpace(complaint.String()), err)
	}
	return written
}
