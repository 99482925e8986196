package docs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// watch is the vigil.yaml of the commands: a recording with an event, and an unreachable webhook.
const watch = `model: weights/ped2-small.safetensors
data_dir: data
nats: {embedded: {port: 0}}
webhook: {url: "http://127.0.0.1:9/"}
cameras: [{name: gate, source: ped2/test/03.mkv, calibration: gate.json, realtime: false}]
`

// PrepareDir creates in a folder the files that the commands of the pages name. They run in it one after the other,
// since some use the outputs of others. data is the folder with UCSD Ped2.
func PrepareDir(dir, root, data string) error {
	for name, target := range map[string]string{
		"ped2":    filepath.Join(data, "ped2"),
		"weights": filepath.Join(root, "weights"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "vigil.yaml"), []byte(watch), 0o600)
}

// Run returns the output of a page's command in a folder; bin is the folder of the program vigil.
func Run(ctx context.Context, dir, bin, command string) (string, error) {
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, errs.String())
	}
	return string(out), nil
}
