package mqtt

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/renameio/v2"

	"vigil/internal/regular"
)

// registryFile is the name of a Registry's file.
const registryFile = "mqtt.json"

// idDigits is the number of hash digits in a client id: with the prefix vigil- and the suffix -check it has the 23
// characters that every broker must accept.
const idDigits = 10

// Registry stores the identity of an installation and its retained topics at brokers in a file: topics are recorded
// before they are published. Its methods may be called concurrently.
type Registry struct {
	id   string // of the installation
	path string // empty for none

	mu     sync.Mutex
	record registryRecord
}

// registryRecord is a Registry's file.
type registryRecord struct {
	// Retained are the topics that may be retained at each broker.
	Retained map[string][]string `json:"retained"`
}

// NewRegistry returns a registry that is not saved, of the installation with an id; "" is a new id.
func NewRegistry(id string) *Registry {
	return &Registry{id: cmp.Or(id, rand.Text()), record: registryRecord{Retained: map[string][]string{}}}
}

// OpenRegistry reads the registry of a data directory, whose installation has an id. With an error the Registry is
// usable all the same; it lacks what could not be read, and what is published is not recorded.
func OpenRegistry(dataDir, id string) (*Registry, error) {
	r := NewRegistry(id)
	return r, r.read(filepath.Join(dataDir, registryFile))
}

func (r *Registry) read(path string) error {
	text, err := regular.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		r.path = path
		return nil
	}
	var in registryRecord
	if err == nil {
		err = json.Unmarshal(text, &in)
	}
	if err == nil && in.Retained == nil {
		err = errors.New("it has no key retained")
	}
	if err != nil {
		return fmt.Errorf("%s: the topics retained at MQTT brokers are unknown: %w; delete the file to start over",
			path,
			err)
	}
	r.path, r.record = path, in
	return nil
}

// clientID returns the installation's client id for a topic.
func (r *Registry) clientID(topic string) string {
	sum := sha256.Sum256([]byte(r.id + "\n" + topic))
	return "vigil-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:idDigits])
}

// hasBroker reports whether anything was ever published at a broker.
func (r *Registry) hasBroker(broker string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.record.Retained[broker]
	return ok
}

// brokers are those at which messages may be retained.
func (r *Registry) brokers() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(r.record.Retained)),
		func(b string) bool { return len(r.record.Retained[b]) == 0 })
}

// addRetained records topics that will be retained at a broker, and returns the stale ones among those recorded before
// and those found.
func (r *Registry) addRetained(broker string, topics, found []string) (stale []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range slices.Concat(r.record.Retained[broker], found) {
		if !slices.Contains(topics, t) && !slices.Contains(stale, t) {
			stale = append(stale, t)
		}
	}
	return stale, r.set(broker, slices.Concat(topics, stale))
}

// setRetained records that exactly these topics are retained at a broker.
func (r *Registry) setRetained(broker string, topics []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.set(broker, topics)
}

// forget deletes a broker at which nothing is retained any more.
func (r *Registry) forget(broker string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.record.Retained, broker)
	return r.save()
}

// set changes and saves the topics of a broker. r.mu is held.
func (r *Registry) set(broker string, topics []string) error {
	topics = slices.Clone(topics)
	slices.Sort(topics)
	if before, ok := r.record.Retained[broker]; ok && slices.Equal(before, topics) {
		return nil
	}
	r.record.Retained[broker] = topics
	return r.save()
}

// save replaces the file atomically. r.mu is held, or r is not shared yet.
func (r *Registry) save() error {
	if r.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(r.record, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(r.path)
	if err = os.MkdirAll(dir, 0o700); err == nil {
		err = renameio.WriteFile(r.path, append(text, '\n'), 0o600)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("save the topics retained at MQTT brokers: %w", err)
	}
	return nil
}

// syncDir makes a rename survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
