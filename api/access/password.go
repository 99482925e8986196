package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The costs of argon2id: the first of OWASP's equivalent choices with little memory (19 MiB, 2 passes, 1 lane), since
// cameras need the rest (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
const (
	argonMemory  = 19 << 10 // KiB
	argonPasses  = 2
	argonThreads = 1
	saltLength   = 16
	keyLength    = 32
)

// What a stored hash may ask for at most, so that a damaged file cannot exhaust the memory.
const (
	maxArgonMemory = 256 << 10 // KiB
	maxArgonPasses = 16
)

const (
	minPassword = 10   // characters
	maxPassword = 1024 // bytes
)

func checkPassword(password string) error {
	switch {
	case !utf8.ValidString(password):
		return errors.New("the password is not UTF-8")
	case utf8.RuneCountInString(password) < minPassword:
		return fmt.Errorf("the password has fewer than %d characters", minPassword)
	case len(password) > maxPassword:
		return fmt.Errorf("the password has more than %d bytes", maxPassword)
	}
	return nil
}

// hashPassword returns the hash of a password in the PHC string format, as $argon2id$v=19$m=19456,t=2,p=1$salt$key.
func hashPassword(password string) string {
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // it never fails
	key := argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonThreads, keyLength)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// hash is a parsed hash of a password.
type hash struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

// parseHash reads what hashPassword wrote. Its errors do not quote the hash.
func parseHash(text string) (h hash, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errors.New("not a hash of argon2id")
	}
	var end string
	n, _ := fmt.Sscanf(parts[3]+"$", "m=%d,t=%d,p=%d%s", &h.memory, &h.passes, &h.threads, &end)
	if n != 4 || end != "$" || h.memory > maxArgonMemory || h.passes < 1 || h.passes > maxArgonPasses || h.threads < 1 {
		return h, errors.New("costs of argon2id out of range")
	}
	var failed [2]error
	h.salt, failed[0] = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.key, failed[1] = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if errors.Join(failed[:]...) != nil || len(h.salt) < saltLength || len(h.key) != keyLength {
		return h, errors.New("salt or key of argon2id of another form")
	}
	return h, nil
}

// matches takes the time of one hash.
func (h hash) matches(password string) bool {
	key := argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.threads, keyLength)
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

// nobody takes the place of an unknown user's hash, so that the time of an answer does not tell who exists.
var nobody = hash{argonMemory, argonPasses, argonThreads, make([]byte, saltLength), make([]byte, keyLength)}

// maxHashing is how many passwords are hashed at once: each takes 19 MiB and some 30 ms of a core.
const maxHashing = 2

// hashing admits those who hash passwords.
type hashing chan struct{}

func (h hashing) begin(ctx context.Context) error {
	select {
	case h <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errBusy
	}
}

func (h hashing) end() { <-h }
