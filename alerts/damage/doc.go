// Package damage has nothing but tests: what a store of alerts is promised that something else has damaged.
//
// The tests know what was acknowledged, spoil the files, and count with a plain NATS client what there is afterwards.
// Nothing in them asks vigil what it believes to have, but for the lines of its log that say what is missing: these
// must be right to the message.
package damage
