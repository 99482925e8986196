// Package damage contains only tests of the guarantees for a damaged store of alerts.
//
// The tests know which messages were acknowledged, damage the files, and count the messages afterwards with a plain
// NATS client. They do not use vigil's own view of its data, except the log lines that report missing messages, which
// must be exact.
package damage
