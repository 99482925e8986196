package alerts

import "fmt"

// DecodeStored decodes a stored message. It is an alert only if its subject and message id match its content.
func DecodeStored(subject, id string, message []byte) (Alert, error) {
	a, err := Decode(message)
	switch {
	case err != nil:
		return Alert{}, err
	case a.Subject() != subject:
		return Alert{}, fmt.Errorf("decode alert: it is stored under %q, and says that it belongs under %q", subject,
			a.Subject())
	case a.MessageID() != id:
		return Alert{}, fmt.Errorf("decode alert: it is stored with the id %q, and says that its id is %q", id,
			a.MessageID())
	}
	return a, nil
}
