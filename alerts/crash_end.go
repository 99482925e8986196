package alerts

import "time"

// CrashEnd returns the end of an event whose process died after last. The event ends at last, since nothing is known
// about the time after it.
func CrashEnd(last Alert) Alert {
	end := last.Start
	if at := last.Start.StreamSeconds + last.DurationSeconds; at > end.StreamSeconds {
		end.StreamSeconds = at
		end.Wall = last.Start.Wall.Add(time.Duration(last.DurationSeconds * float64(time.Second)))
	}
	if last.Peak.StreamSeconds > end.StreamSeconds {
		end = last.Peak
	}
	end.Frame = max(end.Frame, last.Peak.Frame)
	last.Seq++
	last.Phase, last.EndReason, last.End = PhaseEnd, EndCrashRecovered, &end
	last.DurationSeconds = max(0, end.StreamSeconds-last.Start.StreamSeconds)
	last.Latency, last.EvidencePending, last.EvidenceMissing = nil, nil, nil
	return last
}
