package evidence

// StoreBytes is what the stream behind evidence may take within these limits.
func StoreBytes(l Limits) int64 { return l.streamBytes() }
