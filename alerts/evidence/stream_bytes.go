package evidence

// StoreBytes returns the maximum size of the stream behind evidence within these limits.
func StoreBytes(l Limits) int64 { return l.streamBytes() }
