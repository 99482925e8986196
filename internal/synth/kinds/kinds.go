// Package kinds makes labelled videos of many kinds of events from normal recordings of a place: of people and things,
// of the camera itself, of weather and signal, and of normal changes that must not be reported.
//
// A kind takes a Place, which holds a recording in grey, and gives a Clip: a part of the recording with something
// added, for which each frame has a label and each pixel a mark. People are cut out of the recording's other frames by
// their difference to the background, as the parent package's Glide does; vehicles, birds, things, weather and faults
// are drawn. The same recording, kind, instance and seed give the same clip; which other kinds are made does not
// matter.
//
// What counts as abnormal: every kind of the groups scene, camera and weather. What counts as tampering, which a system
// should report as a camera that is not to be trusted: moved, turned, covered, sprayed, defocused, frozen, dark and
// blinded. Shaken is a fault of the mounting; breakdown one of the line. The group quiet is labelled normal.
//
// Where opinions may differ: rain, fog and infrared happen at every camera outdoors, and a camera that has learned
// them should not report them; here they are labelled since the recording has none. Stands is normal for its first
// seconds. Against is abnormal only where people walk one way, reversed looks normal in a single frame, rides differs
// from a walk by the limbs alone. A car is normal on a road, and the quiet lorry is not quiet on a footpath: it is
// there to show that a large object that stops is not taken for a covered or moved camera.
package kinds

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
)

// Group is what a kind is about.
type Group string

// The groups.
const (
	Scene   Group = "scene"
	Camera  Group = "camera"
	Weather Group = "weather" // and signal
	Quiet   Group = "quiet"   // normal: must not be reported
)

// Kind is a kind of event.
type Kind struct {
	Name      string
	Group     Group
	About     string // what is to be seen, in a few words
	Tampering bool   // the camera is not to be trusted
	make      func(r *rand.Rand, p *Place) (*Clip, error)
}

// Abnormal reports whether the event should be found.
func (k *Kind) Abnormal() bool { return k.Group != Quiet }

// Disputed reports that an alarm of a quiet kind is neither right nor wrong, since a place may not know vehicles; it is
// quiet only for what watches the camera itself.
func (k *Kind) Disputed() bool { return k.Name == "lorry" }

// All lists the kinds, by group.
func All() []Kind {
	return []Kind{
		{"runner", Scene, "somebody runs at three times the speed of a walk", false, makeRunner},
		{"offpath", Scene, "somebody walks where nobody walked", false, makeOffPath},
		{"fall", Scene, "somebody falls, lies for 8 s and rises", false, makeFall},
		{"left", Scene, "an object is left for 10 s", false, makeLeft},
		{"stands", Scene, "somebody stands still for 20 s", false, makeStands},
		{"against", Scene, "somebody walks against the stream", false, makeAgainst},
		{"reversed", Scene, "somebody walks backwards: the walk is played from its end", false, makeReversed},
		{"rides", Scene, "somebody glides at walking pace, without moving the limbs", false, makeRides},
		{"thrown", Scene, "something is thrown and bounces through the picture", false, makeThrown},
		{"flames", Scene, "a fire on the ground for 10 s", false, makeFlames},
		{"fight", Scene, "two people jerk about each other for 6 s", false, makeFight},
		{"car", Scene, "a car drives where people walk", false, makeCar},
		{"flying", Scene, "a bird or a drone crosses the upper half", false, makeFlying},

		{"shaken", Camera, "the camera shakes by 10 pixels for 5 s", false, makeShaken},
		{"moved", Camera, "the camera is moved by 10 pixels and stays so", true, makeMoved},
		{"turned", Camera, "the camera is turned to another view and stays so", true, makeTurned},
		{"covered", Camera, "the lens is covered for 8 s", true, makeCovered},
		{"sprayed", Camera, "paint is sprayed on the lens and stays", true, makeSprayed},
		{"defocused", Camera, "the picture is out of focus for 8 s", true, makeDefocused},
		{"frozen", Camera, "one picture is repeated for 8 s", true, makeFrozen},
		{"dark", Camera, "the lights go down to 35 % for 5 s", true, makeDark},
		{"blinded", Camera, "a lamp shines into the lens for 6 s", true, makeBlinded},

		{"fog", Weather, "fog comes, denser farther away, and goes", false, makeFog},
		{"rain", Weather, "it rains for 10 s", false, makeRain},
		{"insects", Weather, "insects crawl on the lens for 8 s", false, makeInsects},
		{"web", Weather, "a spider's web hangs before the lens and stays", false, makeWeb},
		{"breakdown", Weather, "the compression breaks down: blocks of garbage for 6 s", false, makeBreakdown},
		{"infrared", Weather, "the camera switches to infrared for 10 s", false, makeInfrared},

		{"nothing", Quiet, "the recording as it is", false, makeNothing},
		{"walker", Quiet, "one more person walks as usual", false, makeWalker},
		{"dusk", Quiet, "the light goes down slowly, by 1 % a second", false, makeDusk},
		{"lorry", Quiet, "a lorry comes, stops for 8 s and goes on", false, makeLorry},
	}
}

// Select returns the kinds of a list of names, separated by commas, in the order of All; "all" is every kind.
func Select(names string) ([]Kind, error) {
	all := All()
	if names == "all" {
		return all, nil
	}
	var known, chosen []string
	for _, k := range all {
		known = append(known, k.Name)
	}
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%q is not a kind; the kinds are all, or some of %s", name,
				strings.Join(known, ", "))
		}
		chosen = append(chosen, name)
	}
	return slices.DeleteFunc(all, func(k Kind) bool { return !slices.Contains(chosen, k.Name) }), nil
}

// errNobody reports that a kind needs somebody to cut out.
var errNobody = errors.New("nobody to cut out")

// Make makes an instance of the kind, from 1.
func (k *Kind) Make(p *Place, seed uint64, instance int) (*Clip, error) {
	name := fnv.New64a()
	_, _ = name.Write([]byte(k.Name))
	r := rand.New(rand.NewPCG(seed, name.Sum64()+uint64(instance))) //nolint:gosec // Not secret.
	clip, err := k.make(r, p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	return clip, nil
}
