package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"
)

// User is someone who logs in with a password.
type User struct {
	Name string `json:"name"`
	Grant
	Created time.Time `json:"created"`
}

// Token is what a program logs in with.
type Token struct {
	Name string `json:"name"`
	Grant
	Created time.Time  `json:"created"`
	Expires *time.Time `json:"expires,omitempty"` // nil is never
}

// Expired reports whether a token has expired. The wall clock decides: one that is wrong moves the end as far.
func (t Token) Expired(now time.Time) bool { return t.Expires != nil && !now.Before(*t.Expires) }

// formatVersion is of the file of users and tokens.
const formatVersion = 1

// accounts are the content of the file.
type accounts struct {
	Version int           `json:"version"`
	Users   []storedUser  `json:"users"`
	Tokens  []storedToken `json:"tokens"`

	digests map[string]int // tokens by their digests
}

type storedUser struct {
	User
	// ID distinguishes a user from an earlier one of the same name, whose sessions end.
	ID       string `json:"id"`
	Password string `json:"password"` // hash of argon2id in the PHC string format

	hash hash
}

type storedToken struct {
	Token
	SHA256 string `json:"sha256"` // of the token, hexadecimal
}

var (
	userForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)
	cameraForm = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)
)

// maxAccounts bounds the users and again the tokens, and maxCameras the names that one of them is limited to.
const (
	maxAccounts = 1000
	maxCameras  = 1000
)

func checkName(name string) error {
	if !userForm.MatchString(name) {
		return errors.New("a name has 1 to 64 letters, digits, ., _, @ and -, and begins with a letter or a digit")
	}
	return nil
}

// Check returns an error for a grant that is not valid.
func (g Grant) Check() error {
	if g.Role != RoleView && g.Role != RoleOperate {
		return fmt.Errorf("the role must be %s or %s", RoleView, RoleOperate)
	}
	if len(g.Cameras) > maxCameras {
		return fmt.Errorf("more than %d cameras", maxCameras)
	}
	for _, c := range g.Cameras {
		if !cameraForm.MatchString(c) {
			return errors.New("a camera's name has 1 to 64 of a-z, 0-9, _ and -")
		}
	}
	return nil
}

// parseAccounts reads the file. Unknown fields are errors, since what they limit would not be limited.
func parseAccounts(text []byte) (a accounts, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return accounts{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return accounts{}, errors.New("something follows the object")
	}
	if a.Version != formatVersion {
		return accounts{}, fmt.Errorf("it is of version %d, and this vigil reads version %d", a.Version, formatVersion)
	}
	return a, a.index()
}

// index checks users and tokens, and prepares them for being looked up.
func (a *accounts) index() error {
	if len(a.Users) > maxAccounts || len(a.Tokens) > maxAccounts {
		return fmt.Errorf("more than %d users or tokens", maxAccounts)
	}
	names := map[string]bool{}
	for i := range a.Users {
		u := &a.Users[i]
		var err error
		u.hash, err = parseHash(u.Password)
		if err := errors.Join(checkName(u.Name), u.Check(), err); err != nil {
			return fmt.Errorf("users[%d]: %w", i, err)
		}
		if names[u.Name] || u.ID == "" {
			return fmt.Errorf("users[%d]: the name is taken, or id is missing", i)
		}
		names[u.Name] = true
	}
	clear(names)
	a.digests = map[string]int{}
	for i, t := range a.Tokens {
		if err := errors.Join(checkName(t.Name), t.Check()); err != nil {
			return fmt.Errorf("tokens[%d]: %w", i, err)
		}
		if names[t.Name] || len(t.SHA256) != 2*len(digest{}) {
			return fmt.Errorf("tokens[%d]: the name is taken, or sha256 is of another form", i)
		}
		names[t.Name] = true
		a.digests[t.SHA256] = i
	}
	return nil
}

func (a *accounts) user(name string) *storedUser {
	if i := slices.IndexFunc(a.Users, func(u storedUser) bool { return u.Name == name }); i >= 0 {
		return &a.Users[i]
	}
	return nil
}

// token finds a token that has not expired.
func (a *accounts) token(secret string, now time.Time) *storedToken {
	i, ok := a.digests[digestOf(secret).String()]
	if !ok || a.Tokens[i].Expired(now) {
		return nil
	}
	return &a.Tokens[i]
}
