package tamper

import (
	"fmt"
	"time"
)

// DefaultBack is how long the place must be seen again before the camera is trusted.
const DefaultBack = 3 * time.Second

// Options are a Monitor's settings; the zero value is the default.
type Options struct {
	// Back is how long the place must be seen again before the camera is trusted; 0 for DefaultBack.
	Back time.Duration
	// Ignore, [side][side], marks pixels that do not count; nil for none.
	Ignore []bool
}

// Monitor checks one camera's pictures. It is not safe for concurrent use.
type Monitor struct {
	o       Options
	ref     *Reference
	sampler sampler
	still   stillness
	views   []*watched // the first is the adapted one
	nearest int        // in views
	reg     registration
	light   light
	patches patches
	settle  settling

	match   comparison // with the nearest view
	other   comparison
	fine    [numCells]float64
	diff    [numCells]float32
	active  [numCells]float64 // recent differences
	samples int
	adapted time.Duration // when the first view was last adapted
	blend   []float32     // the first view in grey levels, [side][side]
	hurry   int           // adaptations to come in a hurry, after the light has changed its kind

	inversions int     // evaluations in a row in which edges agreed and tones did not
	sharpness  float64 // of the median against the nearest view; 0 if unknown
	sharp      int     // evaluations that the adapted view's usual sharpness rests on

	verdict Verdict
	onset   time.Duration // of the doubt
	clear   time.Duration // when the latest doubt ended
	doubt   Reason        // None without

	named     time.Duration // when an untrusted camera's reason was last looked for
	candidate Reason        // that was found then
}

// watched is a view with what is normal there.
type watched struct {
	*view
	correlation, edges [numCells]float64
	fine, shift        float64
	saturated          float64
}

// New returns a monitor for pictures of side x side. The reference must have passed Check, and is not kept.
func New(ref *Reference, side int, o Options) (*Monitor, error) {
	if err := ref.Check(); err != nil {
		return nil, err
	}
	if ref.Side != side {
		return nil, fmt.Errorf("reference with pictures of side %d: the camera's have %d", ref.Side, side)
	}
	if o.Back == 0 {
		o.Back = DefaultBack
	}
	m := &Monitor{o: o, ref: ref, sampler: newSampler(side, o.Ignore)}
	m.still.counted = m.sampler.counted
	m.reg = newRegistration(&m.sampler.grid)
	m.settle = newSettling(len(m.sampler.median))
	copy(m.still.noise[:], ref.Noise)
	m.views = append(m.views, m.watch(&ref.Views[0]))
	for i := range ref.Views {
		m.views = append(m.views, m.watch(&ref.Views[i]))
	}
	m.nearest, m.sharp = 1, sharpSlow
	m.blend = make([]float32, side*side)
	for i, b := range m.views[0].full {
		m.blend[i] = float32(b)
	}
	return m, nil
}

func (m *Monitor) watch(v *View) *watched {
	w := &watched{view: newView(&m.sampler.grid), fine: v.Fine, shift: v.Shift, saturated: v.Saturated}
	gray, _ := decodePNG(v.Picture, m.sampler.side) // Check has decoded it
	copy(w.full, gray)
	w.prepare(&m.sampler.grid)
	for i := range numCells {
		w.correlation[i], w.edges[i] = float64(v.Correlation[i]), float64(v.Edges[i])
	}
	return w
}

// Push takes the next picture, [side][side] in grey levels, with its stream time; gap says that it does not follow the
// one before. Most pictures of a fast camera are not looked at, and get the verdict of the one before.
func (m *Monitor) Push(picture []byte, at time.Duration, gap bool) Verdict {
	if !m.sampler.due(at, gap) {
		return m.verdict
	}
	if m.sampler.filled == 0 {
		m.still.reset()
		m.settle.known = 0
		m.active = [numCells]float64{}
	}
	now, before := m.sampler.take(picture, at)
	if before != nil {
		m.sampler.differences(&m.diff, now, before)
		m.still.step(&m.diff)
		for i, d := range m.diff {
			m.active[i] += 0.25 * (float64(d) - m.active[i])
		}
	}
	m.samples++
	if m.sampler.filled < window || m.samples%2 != 0 {
		return m.verdict
	}
	median5(m.sampler.median, &m.sampler.ring)
	m.evaluate(picture, at)
	return m.verdict
}

// Restart forgets what was seen last, as for a stream that was opened again: it may show something else, in another
// light. The place as it was followed stays.
func (m *Monitor) Restart() {
	m.sampler.filled, m.samples, m.inversions, m.hurry, m.settle.known = 0, 0, 0, 0, 0
	m.light.known = false
	m.verdict, m.doubt = Verdict{}, None
}

// evaluate checks the median of the last second.
func (m *Monitor) evaluate(picture []byte, at time.Duration) {
	m.findView()
	f := m.examine(picture)
	m.decide(f, at)
	m.verdict.Doubt = m.verdict.State == Suspect || m.verdict.State == Trusted && m.standsStill(mayBeFrozenFor)
	m.adapt(picture, at)
}

// findView compares the median with the view that was nearest, and with the others if it is not like that.
func (m *Monitor) findView() {
	g := &m.sampler.grid
	best := m.views[m.nearest]
	m.match.compare(g, best.view, m.sampler.median)
	_, share := m.agreement(&m.match, best)
	if share >= 0.7 {
		return
	}
	for i, v := range m.views {
		if i == m.nearest {
			continue
		}
		m.other.compare(g, v.view, m.sampler.median)
		if _, s := m.agreement(&m.other, v); s > share+0.05 {
			m.match, m.nearest, share = m.other, i, s
		}
	}
}

// decide moves from one state to the next.
func (m *Monitor) decide(f findings, at time.Duration) {
	m.verdict.Evidence = f.Evidence
	if f.doubt == None {
		switch {
		case m.verdict.State == Trusted:
		case m.verdict.State == Suspect:
			m.verdict = Verdict{Evidence: f.Evidence}
		case m.doubt != None:
			m.clear = at
		case at-m.clear >= m.o.Back:
			m.verdict = Verdict{Evidence: f.Evidence}
		}
		m.doubt = None
		return
	}
	if m.verdict.State == Trusted {
		// The median has half of the new picture when it shows.
		m.onset = max(0, at-f.ago)
		m.verdict.State, m.verdict.Since = Suspect, m.onset
	}
	m.doubt = f.doubt
	if m.verdict.State == Suspect {
		m.verdict.Reason = f.doubt
		if at-m.onset >= f.hold {
			m.verdict.State = Untrusted
			m.verdict.Reason = m.classify(f)
			m.named, m.candidate = at, m.verdict.Reason
		}
		return
	}
	if at-m.named >= renameEvery {
		m.rename(f, at)
	}
}

// renameEvery is the interval at which an untrusted camera's reason is looked for again; one that is found twice in a
// row replaces it.
const renameEvery = 2 * time.Second

// rename changes the reason of an untrusted camera, such as when a cover is taken away and the camera has been moved.
func (m *Monitor) rename(f findings, at time.Duration) {
	m.named = at
	if f.doubt == Frozen {
		return // under a cover nothing moves either
	}
	reason := m.classify(f)
	if reason == m.candidate {
		m.verdict.Reason = reason
	}
	m.candidate = reason
}
