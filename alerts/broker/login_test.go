package broker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"vigil/internal/alerttest"
	"vigil/internal/certtest"
	"vigil/internal/natstest"
)

// keyFile writes the seed of a new user nkey and returns its public key.
func keyFile(t *testing.T) (path, public string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "user.nk")
	if err := os.WriteFile(path, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, public
}

// operator writes a server's configuration with accounts in JWTs, and the credentials file of a user.
func operator(t *testing.T) (config, creds string) {
	t.Helper()
	make := func(kind nkeys.PrefixByte) (nkeys.KeyPair, string) {
		pair, err := nkeys.CreatePair(kind)
		if err != nil {
			t.Fatal(err)
		}
		public, err := pair.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return pair, public
	}
	encode := func(c jwt.Claims, by nkeys.KeyPair) string {
		token, err := c.Encode(by)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	op, opID := make(nkeys.PrefixByteOperator)
	sys, sysID := make(nkeys.PrefixByteAccount)
	acc, accID := make(nkeys.PrefixByteAccount)
	user, userID := make(nkeys.PrefixByteUser)
	about := jwt.NewOperatorClaims(opID)
	about.SystemAccount = sysID
	account := jwt.NewAccountClaims(accID)
	account.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	_ = sys
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(encode(jwt.NewUserClaims(userID), acc), seed)
	if err != nil {
		t.Fatal(err)
	}
	creds = filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(creds, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: {%s: %s, %s: %s}\n",
		encode(about, op), sysID, accID, encode(account, op), sysID, encode(jwt.NewAccountClaims(sysID), op)), creds
}

// Every login method against Debian's server: the right one stores an alert, the wrong one reports what is expected.
func TestEveryLogin(t *testing.T) {
	key, public := keyFile(t)
	otherKey, _ := keyFile(t)
	jwtConfig, creds := operator(t)
	_, otherCreds := operator(t)
	for name, c := range map[string]struct {
		config     string
		good, evil DialOptions
	}{
		"user": {
			"authorization: {user: u, password: s3cret}",
			DialOptions{User: "u", Password: "s3cret"},
			DialOptions{User: "u", Password: "s3cret2"},
		},
		"token": {"authorization: {token: s3cret}", DialOptions{Token: "s3cret"}, DialOptions{Token: "s3cret2"}},
		"nkey": {
			"authorization: {users: [{nkey: " + public + "}]}",
			DialOptions{NKey: key},
			DialOptions{NKey: otherKey},
		},
		"creds": {jwtConfig, DialOptions{Creds: creds}, DialOptions{Creds: otherCreds}},
	} {
		t.Run(name, func(t *testing.T) {
			p := launch(t, natstest.FreePort(t), c.config+"\n"+jetStreamIn(t.TempDir()))
			c.good.URL, c.evil.URL = local(p.Port), local(p.Port)
			publish(t, dial(t, c.good), event("yard"))
			conn, err := Dial(alerttest.Within(t), c.evil)
			if err == nil {
				t.Fatal(errors.Join(errors.New("connected"), conn.Close()))
			}
			if !strings.Contains(err.Error(), "not what this server expects") ||
				strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	ours, theirs := certtest.SelfSigned(t, "127.0.0.1"), certtest.SelfSigned(t, "127.0.0.1")
	server, vigil, stranger := ours.Issue(t, "127.0.0.1"), ours.Issue(t), theirs.Issue(t)
	ca := ours.CertFile
	files := fmt.Sprintf("cert_file: %q, key_file: %q, ca_file: %q", server.CertFile, server.KeyFile, ca)
	plain := launch(t, natstest.FreePort(t), "tls: {"+files+"}\n"+jetStreamIn(t.TempDir()))
	mutual := launch(t, natstest.FreePort(t), "tls: {"+files+", verify: true}\n"+jetStreamIn(t.TempDir()))
	client := TLS{CA: ca, Cert: vigil.CertFile, Key: vigil.KeyFile}
	for name, c := range map[string]struct {
		port int
		tls  TLS
		want string
	}{
		"own authority":         {plain.Port, TLS{CA: ca}, ""},
		"unknown authority":     {plain.Port, TLS{}, "name the certificate authority"},
		"another authority":     {plain.Port, TLS{CA: theirs.CertFile}, "name the certificate authority"},
		"client certificate":    {mutual.Port, client, ""},
		"no client certificate": {mutual.Port, TLS{CA: ca}, "certificate"},
		"a stranger's": {mutual.Port, TLS{
			CA: ca, Cert: stranger.CertFile,
			Key: stranger.KeyFile,
		}, "certificate"},
		"no such file":         {plain.Port, TLS{CA: "/nonexistent/ca.pem"}, "/nonexistent/ca.pem"},
		"no certificate in it": {plain.Port, TLS{CA: ours.KeyFile}, "holds no certificate"},
		"half a pair":          {plain.Port, TLS{CA: ca, Cert: client.Cert}, "both a certificate and its key"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := Dial(alerttest.Within(t), DialOptions{
				URL: strings.Replace(local(c.port), "nats://", "tls://", 1),
				TLS: c.tls,
			})
			good := name == "own authority" || name == "client certificate"
			switch {
			case good && err != nil:
				t.Fatal(err)
			case good:
				publish(t, conn, event("yard"))
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			case err == nil:
				t.Fatal(errors.Join(errors.New("connected"), conn.Close()))
			case !strings.Contains(err.Error(), c.want):
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestCheckStoresNothing(t *testing.T) {
	c := dial(t, DialOptions{Server: serve(t, Options{})})
	if err := c.Check(alerttest.Within(t), "yard"); err != nil {
		t.Fatal(err)
	}
	if n := storedMessages(t, c); n != 0 {
		t.Errorf("%d messages stored", n)
	}
}

// A background connection is made when the server starts, and reports until then that there is none.
func TestConnectInBackground(t *testing.T) {
	port := natstest.FreePort(t)
	s := newStates()
	o := asWriter(local(port))
	o.ConnectInBackground, o.OnState = true, s.on
	c := dial(t, o)
	a := event("yard")
	if err := c.Deliver(alerttest.Within(t), a.Subject(), a.MessageID(), []byte("{}")); !errors.Is(err,
		ErrDisconnected) {
		t.Errorf("error %v", err)
	}
	serve(t, Options{Port: port})
	s.wait(t, StateConnected)
	publish(t, c, a)
}

// After a restart in the process, connections inside it and over TCP recover by themselves.
func TestRestartInTheProcess(t *testing.T) {
	s := serve(t, Options{})
	inside, outside := dial(t, DialOptions{Server: s}), dial(t, asWriter(s.URL()))
	first := publish(t, inside, event("a"))
	url := s.URL()
	if err := s.Restart(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	if s.URL() != url {
		t.Errorf("the server moved from %s to %s", url, s.URL())
	}
	second, third := publish(t, inside, event("a")), publish(t, outside, event("a"))
	expect(t, follow(t, inside, FollowOptions{All: true}), first, second, third)
}
