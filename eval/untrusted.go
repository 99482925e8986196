package eval

import "vigil/alerts"

// AddReport records a message of an alert that the camera cannot be trusted.
func (r *Recording) AddReport(a alerts.Alert) {
	if a.Kind != alerts.KindUntrusted {
		return
	}
	if a.Phase == alerts.PhaseStart {
		r.Untrusted = append(r.Untrusted, Untrusted{
			Span: Span{First: int(a.Start.Frame), Last: int(a.Peak.Frame)}, Reported: int(a.Peak.Frame),
		})
	}
	if len(r.Untrusted) == 0 {
		return
	}
	u := &r.Untrusted[len(r.Untrusted)-1]
	u.Reason = a.Reason
	if a.End != nil {
		u.Last = int(a.End.Frame)
	}
}
