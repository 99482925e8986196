// Package olddata creates data directories as written by released versions of vigil, for tests that they are still
// read.
//
// Everything here is frozen: names, stream configurations, keys and message formats are literal, and nothing is
// imported from the packages that write them today. A version that changes the format of a data directory gets a file
// of its own here, and existing ones never change.
package olddata

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Message is a message of an alert.
type Message struct{ Subject, ID, Data string }

// Dir describes the content of a directory.
type Dir struct {
	// ID is the directory's id, and Registry the text of mqtt.json.
	ID, Registry string
	// Messages are those of the stream of alerts: Messages[i] has number i+1.
	Messages []Message
	// Ended is an alert with an end, acknowledged as normal by By; Open is one of another camera without an end.
	Ended, Open, By string
	// Evidence are the objects of Ended, by names without the alert's id, and Training the training samples.
	Evidence, Training map[string]string
	// Webhook is the number of the last message of Ended's camera that the webhook acknowledged; of the other camera it
	// has none.
	Webhook int
}

// store is a running server and a connection to it.
type store struct {
	server *natsserver.Server
	conn   *nats.Conn
}

func open(dir string) (*store, error) {
	server, err := natsserver.NewServer(&natsserver.Options{
		ServerName: "vigil", DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir,
		JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 40,
	})
	if err != nil {
		return nil, err
	}
	server.Start()
	s := &store{server: server}
	if !server.ReadyForConnections(time.Minute) {
		return nil, errors.Join(errors.New("the server does not answer"), s.close())
	}
	if s.conn, err = nats.Connect("", nats.InProcessServer(server)); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *store) close() error {
	if s.conn != nil {
		s.conn.Close()
	}
	s.server.Shutdown()
	s.server.WaitForShutdown()
	return nil
}

// ask sends a request to the server and checks the response.
func (s *store) ask(subject string, header nats.Header, data string) ([]byte, error) {
	answer, err := s.conn.RequestMsg(&nats.Msg{Subject: subject, Header: header, Data: []byte(data)}, time.Minute)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	var a struct {
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &a); err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	if a.Error != nil {
		return nil, fmt.Errorf("%s: %s", subject, a.Error.Description)
	}
	return answer.Data, nil
}

// object stores an object of one part, like the client library.
func (s *store) object(bucket, name, mediaType, data string, n int) error {
	nuid := fmt.Sprintf("S9etLrawCQPAr9UYFd%04d", n)
	if _, err := s.ask("$O."+bucket+".C."+nuid, nil, data); err != nil {
		return err
	}
	headers := ""
	if mediaType != "" {
		headers = fmt.Sprintf(`"headers":{"Content-Type":[%q]},`, mediaType)
	}
	sum := sha256.Sum256([]byte(data))
	meta := fmt.Sprintf(
		`{"name":%q,%s"options":{"max_chunk_size":131072},"bucket":%q,"nuid":%q,"size":%d,"mtime":"0001-01-01T00:00:00Z","chunks":1,"digest":"SHA-256=%s"}`,
		name, headers, bucket, nuid, len(data), base64.URLEncoding.EncodeToString(sum[:]))
	_, err := s.ask("$O."+bucket+".M."+base64.URLEncoding.EncodeToString([]byte(name)),
		nats.Header{"Nats-Rollup": {"sub"}}, meta)
	return err
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}
