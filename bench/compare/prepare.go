package main

import (
	"context"
	"embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"vigil/bench"
	"vigil/model"
)

//go:embed peers
var sources embed.FS

// unpack writes the peers' sources to the build folder.
func unpack(dir string) error {
	entries, err := sources.ReadDir("peers")
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := sources.ReadFile("peers/" + e.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// inputs is the input of all contenders, and the folder with its files.
type inputs struct {
	dir     string
	spec    model.Spec
	weights *model.Weights
	clip    []float32
	threads int
}

// config is the configuration file of a peer.
type config struct {
	Threads  int     `json:"threads"`
	Side     int     `json:"side"`
	Channels [4]int  `json:"channels"`
	Slots    int     `json:"slots"`
	Lambda   float64 `json:"lambda"`
	Weights  string  `json:"weights"` // safetensors
	Clip     string  `json:"clip"`    // [16][side][side] float32, little endian
	ONNX     string  `json:"onnx"`    // PyTorch writes it, ONNX Runtime reads it
}

// newInputs draws weights and a clip and writes the peers' files into dir.
func newInputs(dir, preset string, threads int, seed uint64) (*inputs, error) {
	spec, err := model.FindPreset(preset)
	if err != nil {
		return nil, err
	}
	in := &inputs{dir: dir, spec: spec, threads: threads, clip: make([]float32, model.Frames*spec.Side*spec.Side)}
	if in.weights, err = bench.RandomWeights(spec, seed); err != nil {
		return nil, err
	}
	bench.NoiseClip(in.clip, seed)
	c := config{
		Threads: threads, Side: spec.Side, Channels: spec.Channels, Slots: spec.Slots, Lambda: spec.Lambda,
		Weights: in.path("weights.safetensors"), Clip: in.path("clip.f32"), ONNX: in.path("network.onnx"),
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	raw, err := binary.Append(nil, binary.LittleEndian, in.clip)
	if err != nil {
		return nil, err
	}
	var layers strings.Builder
	for _, l := range spec.Layers() {
		up := 0
		if l.Transposed {
			up = 1
		}
		fmt.Fprintln(&layers, up, l.In, l.Out, l.InT, l.InS, l.StrideT, l.Slope)
	}
	return in, errors.Join(
		in.weights.Write(c.Weights), os.WriteFile(c.Clip, raw, 0o644),
		os.WriteFile(in.path("config.json"), text, 0o644),
		os.WriteFile(in.path("layers.txt"), []byte(layers.String()), 0o644),
	)
}

func (in *inputs) path(name string) string { return filepath.Join(in.dir, name) }

// tools holds the programs that run the peers. absent has the reason for each missing one.
type tools struct {
	build  string // build folder
	python string // with PyTorch
	node   string
	native string // the program with oneDNN
	absent map[string]string
}

// The peers' titles.
const (
	pyTorch     = "PyTorch"
	pyTorchKept = "PyTorch, memory kept"
	onnxRuntime = "ONNX Runtime"
	oneDNN      = "oneDNN"
)

// findTools finds the programs, and builds the rest in dir.
func findTools(ctx context.Context, dir string, log io.Writer) (*tools, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := unpack(dir); err != nil {
		return nil, err
	}
	t := &tools{build: dir, absent: map[string]string{}}
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(ctx, python, "-c", "import torch, numpy").Run() == nil {
			t.python = python
			break
		}
	}
	if t.python == "" {
		t.absent[pyTorch] = "no python3 here has torch and numpy; on Debian: apt-get install python3-torch " +
			"python3-numpy"
	}
	t.findNode(ctx, log)
	native := filepath.Join(dir, "onednn_bench")
	if why := runBuild(ctx, dir, "g++", "-O2", "-std=c++17", "-o", native, "onednn_bench.cpp", "-ldnnl"); why != "" {
		t.absent[oneDNN] = why + "; on Debian 12: apt-get install g++ libdnnl-dev"
	} else {
		t.native = native
	}
	return t, ctx.Err()
}

// findNode finds node and lets npm fetch ONNX Runtime, unless this was done before.
func (t *tools) findNode(ctx context.Context, log io.Writer) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.absent[onnxRuntime] = "there is no node; on Debian: apt-get install nodejs npm"
		return
	}
	if _, err := os.Stat(filepath.Join(t.build, "node_modules", "onnxruntime-node", "bin")); err != nil {
		fmt.Fprintln(log, "bench: npm fetches onnxruntime-node")
		// Its own script would fetch what a GPU needs.
		if why := runBuild(ctx, t.build, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"); why != "" {
			t.absent[onnxRuntime] = why
			return
		}
	}
	t.node = node
}

// runBuild runs a program in dir and returns the error in one line, or "".
func runBuild(ctx context.Context, dir string, argv ...string) string {
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err == nil {
		return ""
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(fmt.Sprintf("%s: %v %s", argv[0], err, first))
}

// commands lists the available peers for in. The order matters: PyTorch writes the file that ONNX Runtime reads.
func (t *tools) commands(in *inputs) []namedCommand {
	threads := []string{"OMP_NUM_THREADS=" + strconv.Itoa(in.threads)}
	// PyTorch allocates its largest buffers in each round. The system's allocator returns freed memory to the system,
	// and allocating it again takes much of the time; so PyTorch is timed with the default allocator settings, and
	// again with settings that keep freed memory.
	kept := append([]string{"MALLOC_TRIM_THRESHOLD_=100000000000", "MALLOC_MMAP_THRESHOLD_=100000000000"}, threads...)
	var all []namedCommand
	if t.python != "" {
		argv := []string{t.python, "torch_bench.py", in.path("config.json")}
		all = append(all, namedCommand{pyTorch, command{argv: argv, dir: t.build, env: threads}},
			namedCommand{pyTorchKept, command{argv: argv, dir: t.build, env: kept}})
	}
	if t.node != "" {
		all = append(all, namedCommand{
			onnxRuntime,
			command{argv: []string{t.node, "ort_bench.cjs", in.path("config.json")}, dir: t.build},
		})
	}
	if t.native != "" {
		all = append(all, namedCommand{oneDNN, command{
			argv: []string{t.native, in.path("layers.txt")}, dir: t.build,
			env: threads,
		}})
	}
	return all
}

type namedCommand struct {
	title string
	command
}
