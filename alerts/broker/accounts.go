package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	jwt "github.com/nats-io/jwt/v2"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// Rights are the permissions of an account of the embedded server.
type Rights string

// The levels of Rights.
const (
	// Read is the right of every program on this machine if no user is configured: to receive what is published and to
	// read the streams.
	Read Rights = "read"
	// Write is the right to do everything.
	Write Rights = "write"
)

// Account is an account of the embedded server in addition to vigil's own.
type Account struct {
	Name     string
	Password string // in plain text or as a bcrypt hash; empty if NKey is set
	NKey     string // public key of a user, beginning with U; replaces the password
	Rights   Rights
}

func (a Account) check() error {
	switch {
	case a.Name == "":
		return errors.New("embedded NATS: an account has no name")
	case (a.Password == "") == (a.NKey == ""):
		return fmt.Errorf("embedded NATS: account %s: give either a password or an nkey", a.Name)
	case a.NKey != "" && !nkeys.IsValidPublicUserKey(a.NKey):
		return fmt.Errorf("embedded NATS: account %s: the nkey must be the public key of a user, which begins with U",
			a.Name)
	case a.Rights != Read && a.Rights != Write:
		return fmt.Errorf("embedded NATS: account %s: rights are %q: must be read or write", a.Name, a.Rights)
	}
	return nil
}

// Login is a user that exists as long as a server runs.
type Login struct{ User, Password string }

// NewLogin returns a login with a random password.
func NewLogin() Login { return Login{"vigil-" + rand.Text(), rand.Text()} }

// logins are the accounts that vigil creates at each start of a server.
type logins struct {
	own        Login // all rights, but only over connections inside the process and through the socket
	reader     Login // used for connections without a user
	mqttReader Login // the same for MQTT
}

func newLogins() logins { return logins{NewLogin(), NewLogin(), NewLogin()} }

// allowsAnonymousReaders reports whether a connection without a user may read: only on a loopback address and if no
// user is configured.
func (o Options) allowsAnonymousReaders() bool { return o.User == "" && loopback(o.Host) }

// rightsOf returns the rights of a connection with these credentials, which the server still verifies.
func (o Options) rightsOf(c natsserver.ClientOpts) Rights {
	i := slices.IndexFunc(o.Accounts, func(a Account) bool {
		return a.NKey != "" && a.NKey == c.Nkey || a.NKey == "" && a.Name == c.Username && c.Nkey == ""
	})
	switch {
	case o.User != "" && c.Username == o.User && c.Nkey == "":
		return Write
	case i >= 0:
		return o.Accounts[i].Rights
	}
	return Read
}

// authorize adds all accounts to the server's options.
func (o Options) authorize(to *natsserver.Options, own logins) {
	only := func(kinds ...string) map[string]struct{} {
		m := map[string]struct{}{}
		for _, k := range kinds {
			m[k] = struct{}{}
		}
		return m
	}
	user := func(l Login, p *natsserver.Permissions, kinds ...string) *natsserver.User {
		return &natsserver.User{
			Username: l.User, Password: l.Password, Permissions: p,
			AllowedConnectionTypes: only(kinds...),
		}
	}
	to.Users = []*natsserver.User{user(own.own, nil, jwt.ConnectionTypeStandard, jwt.ConnectionTypeInProcess)}
	if o.MQTTLogin.User != "" {
		to.Users = append(to.Users, user(o.MQTTLogin, nil, jwt.ConnectionTypeMqtt))
	}
	if o.allowsAnonymousReaders() {
		to.Users = append(to.Users, user(own.reader, o.readerPermissions(), jwt.ConnectionTypeStandard,
			jwt.ConnectionTypeInProcess))
		to.NoAuthUser = own.reader.User
		if o.MQTTPort != 0 && !o.NoListen {
			listener := o.readerPermissions()
			listener.Subscribe.Deny = []string{"_INBOX.>"} // replies over NATS are not for MQTT clients
			listener.Publish = &natsserver.SubjectPermission{Deny: []string{">"}}
			to.Users = append(to.Users, user(own.mqttReader, listener, jwt.ConnectionTypeMqtt))
			to.MQTT.NoAuthUser = own.mqttReader.User
		}
	}
	if o.User != "" {
		to.Users = append(to.Users, &natsserver.User{Username: o.User, Password: o.Password})
	}
	for _, a := range o.Accounts {
		var p *natsserver.Permissions
		var kinds map[string]struct{} // all kinds
		if a.Rights == Read {
			// Not over MQTT, whose commands clientSession does not filter.
			p, kinds = o.readerPermissions(), only(jwt.ConnectionTypeStandard, jwt.ConnectionTypeInProcess)
		}
		if a.NKey != "" {
			to.Nkeys = append(to.Nkeys, &natsserver.NkeyUser{
				Nkey: a.NKey, Permissions: p,
				AllowedConnectionTypes: kinds,
			})
		} else {
			to.Users = append(to.Users, &natsserver.User{
				Username: a.Name, Password: a.Password, Permissions: p,
				AllowedConnectionTypes: kinds,
			})
		}
	}
}

// readerPermissions returns the subject permissions of read-only accounts. What subjects cannot express is enforced by
// clientSession.
func (o Options) readerPermissions() *natsserver.Permissions {
	subscribe := []string{"vigil.>", "_INBOX.>"}
	if o.MQTTPort != 0 {
		subscribe = append(subscribe, "$MQTT.sub.>")
		for _, topic := range append([]string{"vigil"}, o.MQTTTopics...) {
			subject := strings.ReplaceAll(topic, "/", ".") // the topic vigil/# also matches vigil
			subscribe = append(subscribe, subject, subject+".>")
		}
	}
	return &natsserver.Permissions{
		Subscribe: &natsserver.SubjectPermission{Allow: subscribe},
		Publish: &natsserver.SubjectPermission{Allow: []string{
			"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.*",
			"$JS.API.STREAM.MSG.GET.*",
			"$JS.API.DIRECT.GET.*", "$JS.API.DIRECT.GET.*.>", "$JS.API.CONSUMER.INFO.*.*",
			"$JS.API.CONSUMER.MSG.NEXT.*.*", "$JS.ACK.>", "$JS.FC.>",
		}},
	}
}
