package train

import "time"

const (
	// A run limited by time measures its speed over speedSteps steps. The first speedWarmup of them are not counted,
	// since they touch memory for the first time.
	speedSteps, speedWarmup = 20, 3
	// minValidations is the least number of validations in a run, however long an epoch is.
	minValidations = 4
	// slotUseWindow is for how many steps a slot counts as used.
	slotUseWindow = 50
)

// validationInterval is the number of steps between validations: an epoch, or less in a run of few epochs.
func validationInterval(epoch, steps int) int {
	return max(min(epoch, (steps+minValidations-1)/minValidations), 1)
}

// plan fits the number of steps into a run's time.
type plan struct {
	from      int       // the step at which this process started
	began     time.Time // when
	counted   int       // the step from which on the speed is measured
	countedAt time.Time
}

func (p *plan) begin(step int, now time.Time) {
	p.from, p.began = step, now
	p.counted, p.countedAt = step, now
}

// planSteps returns the number of steps and the validation interval once the speed is known, else 0.
func (p *plan) planSteps(r *run, now time.Time) (steps, distance int) {
	done := r.state.Step - p.from
	if done == speedWarmup {
		p.counted, p.countedAt = r.state.Step, now
	}
	left := r.cfg.Budget - r.state.Elapsed
	if done < speedSteps && left > 0 {
		return 0, 0
	}
	perStep := now.Sub(p.countedAt) / time.Duration(max(r.state.Step-p.counted, 1))
	perStep = max(perStep, 1)
	// A validation scores each clip twice, and scoring takes about a third of a step's time per clip.
	validation := perStep * time.Duration(2*len(r.validation.starts)) / time.Duration(3*r.cfg.Recipe.Batch)
	steps = r.state.Step + int(max(left, 0)/perStep)
	distance = validationInterval(r.stepsPerEpoch(), steps)
	steps = r.state.Step + int(max(left, 0)/(perStep+validation/time.Duration(distance)))
	return max(steps, r.state.Step), validationInterval(r.stepsPerEpoch(), steps)
}

// replan returns the number of steps that fit into the remaining time at the speed so far, validations included.
func (p *plan) replan(r *run, now time.Time) int {
	elapsed := now.Sub(r.began)
	perStep := max(now.Sub(p.countedAt)/time.Duration(max(r.state.Step-p.counted, 1)), 1)
	return r.state.Step + int(max(r.cfg.Budget-elapsed, 0)/perStep)
}

// progress is the Progress after a step, without validation.
func (r *run) progress() Progress {
	p := Progress{
		Step: r.state.Step, Steps: r.state.Steps, Loss: r.net.loss.total, Square: r.net.loss.square,
		Entropy: r.net.loss.entropy,
	}
	used := make([]bool, len(r.lastUse))
	if r.net.latent != nil {
		p.ZeroRows = float64(r.net.latent.markUsedSlots(used)) / float64(r.net.latent.queries)
	}
	for slot, now := range used {
		if now {
			r.lastUse[slot] = r.state.Step
		}
		if at := r.lastUse[slot]; at > 0 && at > r.state.Step-slotUseWindow {
			p.SlotsUsed++
		}
	}
	clips := float64(len(r.sampler.starts))
	p.Epoch = float64(r.state.Step*r.cfg.Recipe.Batch) / clips
	p.Epochs = float64(r.state.Steps*r.cfg.Recipe.Batch) / clips
	took, done := r.cfg.Now().Sub(r.plan.began), r.state.Step-r.plan.from
	if took > 0 {
		p.ClipsPerSecond = float64(done*r.cfg.Recipe.Batch) / took.Seconds()
	}
	if r.state.Steps > 0 {
		p.Left = took / time.Duration(max(done, 1)) * time.Duration(r.state.Steps-r.state.Step)
	}
	return p
}
