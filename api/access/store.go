package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"vigil/internal/errcode"
	"vigil/internal/output"
	"vigil/internal/regular"
)

// Files of a data directory.
const (
	accountsFile = "access.json"
	lockFile     = "access.lock"
)

// Store is the file of users and tokens in a data directory. Several processes may use it: a change is made under a
// lock and replaces the file as a whole, and every use looks whether the file is another one.
type Store struct {
	dir string

	mu   sync.Mutex
	info fs.FileInfo // of the file that was read; nil if there was none
	now  accounts
}

// NewStore returns the store of a data directory, which need not exist.
func NewStore(dataDir string) *Store { return &Store{dir: dataDir} }

func (s *Store) path() string { return filepath.Join(s.dir, accountsFile) }

// accounts returns the users and tokens as they are now. They must not be changed.
func (s *Store) accounts() (accounts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := os.Stat(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		s.info = nil
		return accounts{}, nil
	}
	if err != nil {
		return accounts{}, errcode.AccessFile.Wrap(err)
	}
	if s.info != nil && same(s.info, info) && s.info.Mode() == info.Mode() {
		return s.now, nil
	}
	now, err := load(s.path(), info)
	if err != nil { // it is read again next time: what is wrong with it need not be in info
		s.info = nil
		return accounts{}, err
	}
	s.info, s.now = info, now
	return now, nil
}

func load(path string, info fs.FileInfo) (accounts, error) {
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return accounts{}, errcode.AccessFile.Wrap(fmt.Errorf(
			"%s has the mode %04o, so that other users of this machine may open it: chmod 600 %s", path, perm, path))
	}
	if err := checkFileOwner(path, info); err != nil {
		return accounts{}, errcode.AccessFile.Wrap(err)
	}
	text, err := regular.ReadFile(path)
	if err != nil {
		return accounts{}, errcode.AccessFile.Wrap(err)
	}
	a, err := parseAccounts(text)
	if err != nil {
		return accounts{}, errcode.AccessFile.Wrap(fmt.Errorf("%s: %w", path, err))
	}
	return a, nil
}

// Empty reports whether there is neither a user nor a token that has not expired.
func (s *Store) Empty() (bool, error) {
	a, err := s.accounts()
	now := time.Now()
	return len(a.Users) == 0 && !slices.ContainsFunc(a.Tokens, func(t storedToken) bool { return !t.Expired(now) }), err
}

// Users returns the users, in the order of their creation.
func (s *Store) Users() ([]User, error) {
	a, err := s.accounts()
	all := make([]User, len(a.Users))
	for i, u := range a.Users {
		all[i] = u.User
	}
	return all, err
}

// Tokens returns the tokens, in the order of their creation.
func (s *Store) Tokens() ([]Token, error) {
	a, err := s.accounts()
	all := make([]Token, len(a.Tokens))
	for i, t := range a.Tokens {
		all[i] = t.Token
	}
	return all, err
}

// Invalid is an error of what the user asked for.
type Invalid struct{ Err error }

func (e Invalid) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e Invalid) Unwrap() error { return e.Err }

func invalid(format string, args ...any) error {
	return Invalid{errcode.AccessName.Wrap(fmt.Errorf(format, args...))}
}

// AddUser adds a user. An error of the arguments is an Invalid.
func (s *Store) AddUser(name, password string, g Grant) error {
	if err := errors.Join(checkName(name), checkPassword(password), g.Check()); err != nil {
		return Invalid{err}
	}
	u := storedUser{User: User{name, g, time.Now().UTC()}, ID: newSecret()[:16], Password: hashPassword(password)}
	return s.edit(func(a *accounts) error {
		if a.user(name) != nil {
			return invalid("there is a user %s already; remove it first", name)
		}
		a.Users = append(a.Users, u)
		return nil
	})
}

// RemoveUser removes a user. An unknown one is an Invalid.
func (s *Store) RemoveUser(name string) error {
	return s.edit(func(a *accounts) error {
		left := slices.DeleteFunc(slices.Clone(a.Users), func(u storedUser) bool { return u.Name == name })
		if len(left) == len(a.Users) {
			return invalid("there is no user %q", name)
		}
		a.Users = left
		return nil
	})
}

// AddToken adds a token that expires then, or never for the zero value, and returns it. It cannot be read again. An
// error of the arguments is an Invalid.
func (s *Store) AddToken(name string, g Grant, expires time.Time) (secret string, err error) {
	now := time.Now().UTC()
	if err := errors.Join(checkName(name), g.Check()); err != nil {
		return "", Invalid{err}
	}
	t := storedToken{Token: Token{Name: name, Grant: g, Created: now}}
	if !expires.IsZero() {
		at := expires.UTC()
		if t.Expires = &at; t.Expired(now) {
			return "", Invalid{errors.New("the token would have expired already")}
		}
	}
	secret = tokenPrefix + newSecret()
	t.SHA256 = digestOf(secret).String()
	return secret, s.edit(func(a *accounts) error {
		if slices.ContainsFunc(a.Tokens, func(t storedToken) bool { return t.Name == name }) {
			return invalid("there is a token %s already; revoke it first", name)
		}
		a.Tokens = append(a.Tokens, t)
		return nil
	})
}

// RevokeToken removes a token. An unknown one is an Invalid.
func (s *Store) RevokeToken(name string) error {
	return s.edit(func(a *accounts) error {
		left := slices.DeleteFunc(slices.Clone(a.Tokens), func(t storedToken) bool { return t.Name == name })
		if len(left) == len(a.Tokens) {
			return invalid("there is no token %q", name)
		}
		a.Tokens = left
		return nil
	})
}

// edit changes the file, or not at all.
func (s *Store) edit(change func(*accounts) error) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return errcode.AccessFile.Wrap(err)
	}
	if err := checkOwner(s.dir); err != nil {
		return errcode.AccessFile.Wrap(err)
	}
	unlock, err := lock(filepath.Join(s.dir, lockFile))
	if err != nil {
		return errcode.AccessFile.Wrap(err)
	}
	defer unlock()
	now, err := s.accounts()
	if err != nil {
		return err
	}
	now.Version = formatVersion
	now.Users, now.Tokens = slices.Clone(now.Users), slices.Clone(now.Tokens)
	if err := change(&now); err != nil {
		return err
	}
	if err := now.index(); err != nil {
		return Invalid{err}
	}
	text, err := json.MarshalIndent(now, "", "  ")
	if err != nil {
		return err
	}
	return errcode.AccessFile.Wrap(output.Write(s.path(), append(text, '\n'), 0o600))
}
