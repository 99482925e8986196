package broker

import "fmt"

// StateText describes a state of OnState for people.
func StateText(state string, err error) string {
	switch {
	case state == StateDisconnected:
		return fmt.Sprintf("connection to NATS lost, retrying: %v", err)
	case state == StateReconnected:
		return "connected to NATS again"
	case state == StateWaiting:
		return err.Error()
	case err != nil:
		return fmt.Sprintf("NATS %s: %v", state, err)
	}
	return "NATS " + state
}
