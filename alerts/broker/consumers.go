package broker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const (
	// maxConsumers is the number of consumers of all read-only clients together.
	maxConsumers = 64
	// maxIdle is the time after which an unused consumer of a read-only client is deleted.
	maxIdle = 5 * time.Minute
	// maxRequest is the largest request for a consumer, in bytes.
	maxRequest = 16 << 10
)

// consumers creates consumers on behalf of read-only clients, which may not do so themselves. It accepts only ephemeral
// ones that deliver to an inbox and read one of vigil's streams, up to maxConsumers.
type consumers struct {
	server *Server

	mu     sync.Mutex // held while a consumer is created
	conn   *nats.Conn // nil until it is needed
	js     jetstream.JetStream
	owners map[string]*clientSession // session of each consumer, by <stream>.<name>
}

// mayUse reports whether a session may use a consumer. After the owner's session has ended, any client that knows the
// secret name may use it: the owner after a reconnect.
func (d *consumers) mayUse(s *clientSession, consumer string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	of := d.owners[consumer]
	if of == nil || of != s && !of.ended.Load() {
		return false
	}
	d.owners[consumer] = s
	return true
}

// refusal is an error response of the server's API.
type refusal struct {
	code, errCode int
	text          string
}

func (r refusal) Error() string { return r.text }

func refuse(format string, args ...any) error {
	return refusal{403, int(natsserver.JSConsumerCreateErrF), fmt.Sprintf("vigil: "+format, args...)}
}

// create creates the consumer that a reader requests, or replies with the reason for refusing it. of is the rest of the
// subject: the stream, and perhaps the consumer's name and its filter subject.
func (d *consumers) create(s *clientSession, of []string, c command) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	if d.connect() != nil {
		return // the server is restarting; the client retries
	}
	answer, name, err := d.createChecked(ctx, of, c.payload[c.headerBytes:])
	if err != nil {
		var r refusal
		if !errors.As(err, &r) {
			return
		}
		answer = apiError(natsserver.JSApiConsumerCreateResponseType, r)
	} else if name != "" {
		d.owners[name] = s
	}
	_ = d.conn.Publish(c.reply, answer) // if it is lost, the client retries
}

// createChecked returns the server's response, and the name of the consumer if one was created.
func (d *consumers) createChecked(ctx context.Context, of []string, body []byte) (answer []byte, name string,
	err error,
) {
	var req natsserver.CreateConsumerRequest
	if len(body) > maxRequest {
		return nil, "", refuse("the request for a consumer is larger than %d bytes", maxRequest)
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, "", refusal{400, int(natsserver.JSInvalidJSONErr), "invalid JSON"}
	}
	stream, cfg := of[0], &req.Config
	if len(of) > 1 {
		cfg.Name = cmp.Or(cfg.Name, of[1])
	}
	cfg.Name = cmp.Or(cfg.Name, nuid.Next())
	switch {
	case !isReadable(stream):
		return nil, "", refuse("stream %q is not one that may be read without an account", stream)
	case cfg.Durable != "":
		return nil, "",
			refuse("a durable consumer needs an account with rights to write (nats.embedded.accounts); leave " +
				"durable_name out")
	case strings.ContainsAny(cfg.Name, ".*> \t\r\n/\\") || len(of) > 1 && of[1] != cfg.Name ||
		req.Stream != "" && req.Stream != stream:
		return nil, "", refuse("subject and content of the request disagree")
	case cfg.DeliverSubject != "" && (!isOwnInbox(cfg.DeliverSubject) ||
		strings.ContainsAny(cfg.DeliverSubject, "*> \t\r\n")):
		return nil, "", refuse("a consumer may deliver to an inbox (_INBOX.) only")
	}
	if err := d.makeRoom(ctx); err != nil {
		return nil, "", err
	}
	if cfg.InactiveThreshold > maxIdle {
		cfg.InactiveThreshold = maxIdle
	}
	// In memory: readers write nothing to this disk.
	cfg.MemoryStorage, cfg.Replicas, cfg.Direct, cfg.Sourcing = true, 1, false, false
	req.Stream, req.Action, req.Pedantic = stream, natsserver.ActionCreate, false
	if body, err = json.Marshal(req); err != nil {
		return nil, "", err
	}
	subject := "$JS.API.CONSUMER.CREATE." + stream + "." + cfg.Name
	if cfg.FilterSubject != "" {
		subject += "." + cfg.FilterSubject
	}
	m, err := d.conn.RequestWithContext(ctx, subject, body)
	if err != nil {
		return nil, "", err
	}
	var made natsserver.JSApiConsumerCreateResponse
	if err := json.Unmarshal(m.Data, &made); err != nil {
		return nil, "", err
	}
	if made.Error != nil || made.ConsumerInfo == nil {
		return m.Data, "", nil //nolint:nilerr // the server's refusal is the answer
	}
	return m.Data, stream + "." + made.Name, nil
}

// makeRoom returns an error if there are too many consumers. It first removes expired ones, then those whose clients
// have disconnected.
func (d *consumers) makeRoom(ctx context.Context) error {
	if len(d.owners) < maxConsumers {
		return nil
	}
	streams := map[string]bool{}
	for consumer := range d.owners {
		stream, _, _ := strings.Cut(consumer, ".")
		streams[stream] = true
	}
	for stream := range streams {
		there := map[string]bool{}
		s, err := d.js.Stream(ctx, stream)
		if err == nil {
			names := s.ConsumerNames(ctx)
			for name := range names.Name() {
				there[stream+"."+name] = true
			}
			err = names.Err()
		}
		if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		maps.DeleteFunc(d.owners, func(consumer string, _ *clientSession) bool {
			return strings.HasPrefix(consumer, stream+".") && !there[consumer]
		})
	}
	for consumer, of := range d.owners {
		if len(d.owners) < maxConsumers {
			break
		}
		if of.ended.Load() {
			if _, err := d.conn.RequestWithContext(ctx, "$JS.API.CONSUMER.DELETE."+consumer, nil); err == nil {
				delete(d.owners, consumer)
			}
		}
	}
	if len(d.owners) < maxConsumers {
		return nil
	}
	return refusal{400, int(natsserver.JSMaximumConsumersLimitErr), "maximum consumers limit reached"}
}

// remove deletes a consumer of the reader; for those of others it responds that they do not exist.
func (d *consumers) remove(s *clientSession, consumer string, c command) {
	own := d.mayUse(s, consumer)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.connect() != nil {
		return
	}
	answer := apiError(natsserver.JSApiConsumerDeleteResponseType, refusal{
		404, int(natsserver.JSConsumerNotFoundErr),
		"consumer not found",
	})
	if own {
		ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
		defer cancel()
		m, err := d.conn.RequestWithContext(ctx, "$JS.API.CONSUMER.DELETE."+consumer, nil)
		if err != nil {
			return
		}
		delete(d.owners, consumer)
		answer = m.Data
	}
	if c.reply != "" {
		_ = d.conn.Publish(c.reply, answer)
	}
}

// connect opens the connection over which consumers are created. d.mu is held.
func (d *consumers) connect() (err error) {
	if d.conn != nil {
		return nil
	}
	if d.conn, err = nats.Connect("nats://127.0.0.1", d.server.ownOptions()...); err != nil {
		d.conn = nil
		return err
	}
	d.js, err = jetstream.New(d.conn)
	return err
}

func (d *consumers) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		d.conn.Close()
		d.conn = nil
	}
}

func apiError(kind string, r refusal) []byte {
	text, err := json.Marshal(map[string]any{
		"type": kind, "error": map[string]any{"code": r.code, "err_code": r.errCode, "description": r.text},
	})
	if err != nil {
		return nil // these types can always be encoded
	}
	return text
}
