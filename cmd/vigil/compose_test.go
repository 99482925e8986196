//go:build linux && cgo && gocv_videoio

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// containerUser is the image's; see the Dockerfile.
const containerUser = 10001

// compose is what the test knows of docker-compose.yml; a key that it does not know is an error.
type compose struct {
	Services map[string]struct {
		Image, Build, Restart string
		Command, Ports        []string
		Volumes               []string
		DependsOn             []string          `yaml:"depends_on"`
		Environment           map[string]string `yaml:"environment"`
		StopGracePeriod       string            `yaml:"stop_grace_period"`
	}
	Volumes map[string]any
}

// The compose file starts with its own example: its variables are in .env.example, and its command runs as the image's
// user on the files that it mounts, against a NATS server with that password. The container's paths are those of a
// scratch folder here.
func TestComposeRunsItsExample(t *testing.T) {
	const root = "../.."
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	env := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(read(".env.example"))); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(name, "#") {
			env[name] = value
		}
	}
	text := regexp.MustCompile(`\$\{(\w+):\?[^}]*\}`).ReplaceAllStringFunc(read("docker-compose.yml"),
		func(v string) string {
			name := v[2:strings.Index(v, ":")]
			if env[name] == "" {
				t.Errorf(".env.example does not set %s", name)
			}
			return env[name]
		})
	var c compose
	d := yaml.NewDecoder(strings.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	vigil := c.Services["vigil"]

	// What the container sees, and who may do what there.
	// unlike a test's folder it is not below one that is its owner's alone
	scratch, err := os.MkdirTemp("/tmp", "vigil-compose-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(scratch) })
	state := filepath.Join(scratch, "state")
	mounts := map[string]string{}
	for _, v := range vigil.Volumes {
		from, to, _ := strings.Cut(v, ":")
		to, _, _ = strings.Cut(to, ":")
		if strings.HasPrefix(from, ".") {
			mounts[to] = filepath.Join(scratch, filepath.Base(from))
			copyTree(t, filepath.Join(root, from), mounts[to])
		} else {
			if _, ok := c.Volumes[from]; !ok {
				t.Errorf("the volume %s is not declared", from)
			}
			mounts[to] = state
		}
	}
	dockerfile := read("Dockerfile")
	for _, line := range []string{
		fmt.Sprintf("--uid %d", containerUser), "--home /var/lib/vigil --create-home",
		"USER vigil", `ENTRYPOINT ["vigil"]`,
	} {
		if !strings.Contains(dockerfile, line) {
			t.Errorf("the Dockerfile has no %q", line)
		}
	}
	if m := regexp.MustCompile(`COPY .*/src/weights (\S+)`).FindStringSubmatch(dockerfile); m != nil {
		mounts[m[1]] = filepath.Join(scratch, "weights")
		copyTree(t, filepath.Join(root, "weights"), mounts[m[1]])
	}
	owner := os.Getuid()
	if owner == 0 {
		owner = containerUser
	}
	for _, step := range []error{os.Mkdir(state, 0o700), os.Chown(state, owner, -1), os.Chmod(scratch, 0o755)} {
		if step != nil {
			t.Fatal(step)
		}
	}

	password := ""
	if args := c.Services["nats"].Command; len(args) > 1 && args[len(args)-2] == "--pass" {
		password = args[len(args)-1]
	}
	server := natstest.Launch(t, natstest.FreePort(t),
		fmt.Sprintf("jetstream {store_dir: %q}\nauthorization {user: vigil, password: %q}", t.TempDir(), password))
	here := []string{"nats://nats:4222", fmt.Sprintf("nats://127.0.0.1:%d", server.Port)}
	for to, from := range mounts {
		here = append(here, to, from)
	}
	move := strings.NewReplacer(here...)
	file := filepath.Join(mounts["/etc/vigil"], "vigil.yaml")
	config, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(move.Replace(string(config))), 0o600) // it keeps its mode
	}
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"vigil"}
	for _, a := range vigil.Command {
		args = append(args, move.Replace(a))
	}
	var stderr alerttest.Log
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Dir, cmd.Stderr = state, &stderr
	for name, value := range vigil.Environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{
			Uid: containerUser, Gid: containerUser,
			NoSetGroups: true,
		}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for began := time.Now(); !strings.Contains(stderr.String(), "msg=capacity"); {
		select {
		case err := <-ended:
			t.Fatalf("it has ended: %v\n%s", err, stderr.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Since(began) > alerttest.LongWait {
			t.Fatalf("it does not watch:\n%s", stderr.String())
		}
	}
	send(t, cmd.Process, syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Errorf("%v:\n%s", err, stderr.String())
	}
	if entries, err := os.ReadDir(state); err != nil || len(entries) == 0 {
		t.Errorf("it has stored %v, %v", entries, err)
	}
}

// copyTree copies a folder's files with their modes.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "cp", "-rp", "--no-preserve=ownership", from,
		to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
