package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"vigil/alerts/evidence"
)

// exportName matches the names of vigil's own evidence files: no other objects are written.
var exportName = regexp.MustCompile(
	`^(snapshot-[0-9]{1,20}\.jpg|heatmap-[0-9]{1,20}\.jpg|clip-[0-9]{1,20}\.mp4|model-input-[0-9]{1,20}\.mkv)$`)

// Export writes an alert's evidence and its description, alert.json, to a folder, each file atomically and the
// description last, when every file that it names exists. It overwrites nothing and follows no link out of the folder:
// an existing file must be identical. The paths of the written files are also returned with an error.
func (r *Record) Export(ctx context.Context, dir string) (written []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("export to %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("export to %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	write := func(name string, data []byte) error {
		if err := writeNew(root, name, data); err != nil {
			return fmt.Errorf("export to %s: %w", dir, err)
		}
		written = append(written, filepath.Join(dir, name))
		return nil
	}
	var strange []string
	for _, e := range r.Evidence {
		name, ours := strings.CutPrefix(e.Name, r.Last.ID+"/")
		if !ours || !exportName.MatchString(name) {
			strange = append(strange, e.Name)
			continue
		}
		data, err := r.Read(ctx, e)
		if err != nil {
			return written, err
		}
		if got := evidence.Digest(data); got != e.SHA256 {
			return written, fmt.Errorf("object %s is damaged: its SHA-256 is %s, must be %s", e.Name, got, e.SHA256)
		}
		if err := write(name, data); err != nil {
			return written, err
		}
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return written, fmt.Errorf("export alert: %w", err)
	}
	if err := write("alert.json", append(text, '\n')); err != nil {
		return written, err
	}
	if len(strange) > 0 {
		return written, fmt.Errorf("%d objects were not written, because vigil uses no such names: %q",
			len(strange), strange)
	}
	return written, nil
}

// writeNew writes a file that does not exist yet and then removes its temporary name; an identical file is left as it
// is.
func writeNew(root *os.Root, name string, data []byte) error {
	if info, err := root.Lstat(name); err == nil {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s exists and is not a file: choose another folder", name)
		}
		if old, err := root.ReadFile(name); err != nil || !bytes.Equal(old, data) {
			return fmt.Errorf(
				"%s exists with other contents and is not overwritten: choose another folder", name)
		}
		return nil
	}
	partial := ".vigil-" + rand.Text() + ".part"
	f, err := root.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = root.Link(partial, name)
		if err != nil && !errors.Is(err, fs.ErrExist) { // for example on a file system without links
			return errors.Join(writeExclusively(root, name, data), root.Remove(partial))
		}
	}
	return errors.Join(err, root.Remove(partial))
}

func writeExclusively(root *os.Root, name string, data []byte) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, root.Remove(name))
	}
	return nil
}
