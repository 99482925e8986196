package evidence

// StoreBytes is what the streams behind evidence, acknowledgements and clips to learn from may take together, by their
// own limits.
func StoreBytes(l Limits) int64 { return l.streamBytes() + acksBytes + trainingBytes }
