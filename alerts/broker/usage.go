package broker

// Usage is the disk space of all streams of the embedded server, in bytes.
type Usage struct {
	Used, Limit uint64
}

// Usage returns the disk space; false while the server is restarted.
func (s *Server) Usage() (Usage, bool) {
	if !s.mu.TryRLock() {
		return Usage{}, false
	}
	defer s.mu.RUnlock()
	if s.shutDown || !s.nats.JetStreamEnabled() {
		return Usage{}, false
	}
	info, err := s.nats.Jsz(nil)
	if err != nil || info.Config.MaxStore < 0 {
		return Usage{}, false
	}
	return Usage{Used: info.Store, Limit: uint64(info.Config.MaxStore)}, true
}
