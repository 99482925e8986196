package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"strings"
)

// tokenPrefix lets people and scanners of leaked secrets recognise a token.
const tokenPrefix = "vigil_"

// secretBytes make guessing hopeless, so that a fast hash protects what is stored.
const secretBytes = 32

// secretText has no characters that end a word when it is selected by a double click.
var secretText = base32.StdEncoding.WithPadding(base32.NoPadding)

// newSecret returns a random text of letters and digits.
func newSecret() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // it never fails
	return strings.ToLower(secretText.EncodeToString(b))
}

// digest is the SHA-256 of a secret, under which it is looked up: how long that takes says nothing about the secret.
type digest [sha256.Size]byte

func digestOf(secret string) digest { return sha256.Sum256([]byte(secret)) }

func (d digest) String() string { return hex.EncodeToString(d[:]) }
