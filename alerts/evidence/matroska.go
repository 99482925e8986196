package evidence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/png"
	"math"
	"slices"
	"time"

	"vigil/alerts"
	"vigil/video"
)

// InputMediaType is the media type of the model's input.
const InputMediaType = "video/x-matroska"

// modelInput makes a video of the model's input pictures: lossless, each with its own timestamp.
func modelInput(pics []video.ModelPicture) (alerts.Evidence, []byte, error) {
	times := inputTimes(pics)
	data, err := matroska(pics, times)
	side := pics[0].Side
	return alerts.Evidence{
		MediaType: InputMediaType, Width: side, Height: side, Frame: pics[0].Seq, Reduced: true,
		Seconds: (times[len(times)-1] + medianStep(pics)).Seconds(),
	}, data, err
}

// inputTimes returns the pictures' times relative to the first. At a gap the time difference is made large enough that
// a reader recognises the gap too.
func inputTimes(pics []video.ModelPicture) []time.Duration {
	usual := medianStep(pics)
	times := make([]time.Duration, len(pics))
	for i := 1; i < len(pics); i++ {
		step := pics[i].PTS - pics[i-1].PTS
		if pics[i].Gap {
			step = min(max(step, gapSteps*usual), maxGap)
		}
		times[i] = times[i-1] + max(step, time.Millisecond)
	}
	return times
}

const (
	// gapSteps is the number of usual steps that no reader takes for one.
	gapSteps = 4
	// maxGap bounds a gap, so that a jump of the clock does not make a video of days.
	maxGap = time.Minute
)

// medianStep is the median time between two consecutive pictures.
func medianStep(pics []video.ModelPicture) time.Duration {
	var steps []time.Duration
	for i := 1; i < len(pics); i++ {
		if step := pics[i].PTS - pics[i-1].PTS; !pics[i].Gap && step > 0 {
			steps = append(steps, step)
		}
	}
	if len(steps) == 0 {
		return 100 * time.Millisecond
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}

// Elements of Matroska (RFC 9559) that a video of one track needs.
const (
	ebmlHeader     = 0x1A45DFA3
	ebmlDocType    = 0x4282
	ebmlDocVersion = 0x4287
	ebmlDocRead    = 0x4285
	mkvSegment     = 0x18538067
	mkvInfo        = 0x1549A966
	mkvScale       = 0x2AD7B1
	mkvDuration    = 0x4489
	mkvMuxer       = 0x4D80
	mkvWriter      = 0x5741
	mkvTracks      = 0x1654AE6B
	mkvTrack       = 0xAE
	mkvNumber      = 0xD7
	mkvUID         = 0x73C5
	mkvType        = 0x83
	mkvLacing      = 0x9C
	mkvStep        = 0x23E383
	mkvCodec       = 0x86
	mkvPrivate     = 0x63A2
	mkvVideo       = 0xE0
	mkvWidth       = 0xB0
	mkvHeight      = 0xBA
	mkvCluster     = 0x1F43B675
	mkvTime        = 0xE7
	mkvBlock       = 0xA3
)

// clusterTime is the duration of one cluster: times in it are 16 bits of milliseconds.
const clusterTime = 5 * time.Second

// matroska writes square grey pictures as PNG in a Matroska file, which FFmpeg and therefore OpenCV read.
func matroska(pics []video.ModelPicture, times []time.Duration) ([]byte, error) {
	side := pics[0].Side
	var clusters, cluster []byte
	var began time.Duration
	enc := png.Encoder{CompressionLevel: png.BestSpeed}
	for i, p := range pics {
		if p.Side != side || len(p.Gray) != side*side {
			return nil, errors.New("the size of the model's input changed")
		}
		if i == 0 || times[i]-began >= clusterTime {
			clusters = append(clusters, cluster...)
			began, cluster = times[i], nil
		}
		var b bytes.Buffer
		if err := enc.Encode(&b,
			&image.Gray{Pix: p.Gray, Stride: side, Rect: image.Rect(0, 0, side, side)}); err != nil {
			return nil, err
		}
		if cluster == nil {
			cluster = number(mkvTime, uint64(began.Milliseconds()))
		}
		head := []byte{0x81, 0, 0, 0x80} // track 1, the time, a key frame
		binary.BigEndian.PutUint16(head[1:], uint16((times[i] - began).Milliseconds()))
		cluster = append(cluster, element(mkvBlock, head, b.Bytes())...)
		if i+1 == len(pics) || times[i+1]-began >= clusterTime {
			cluster = element(mkvCluster, cluster)
		}
	}
	clusters = append(clusters, cluster...)
	step := medianStep(pics)
	length := make([]byte, 8)
	binary.BigEndian.PutUint64(length, math.Float64bits(float64((times[len(times)-1] + step).Milliseconds())))
	// A Windows bitmap header names the codec, as in AVI.
	bitmap := binary.LittleEndian.AppendUint32(nil, 40)
	bitmap = binary.LittleEndian.AppendUint32(bitmap, uint32(side))
	bitmap = binary.LittleEndian.AppendUint32(bitmap, uint32(side))
	bitmap = append(bitmap, 1, 0, 8, 0, 'M', 'P', 'N', 'G')
	bitmap = append(bitmap, make([]byte, 20)...)
	return slices.Concat(
		element(ebmlHeader, number(ebmlDocVersion, 4), number(ebmlDocRead, 2),
			element(ebmlDocType, []byte("matroska"))),
		element(mkvSegment,
			element(mkvInfo, number(mkvScale, 1e6), element(mkvDuration, length), element(mkvMuxer, []byte("vigil")),
				element(mkvWriter, []byte("vigil"))),
			element(mkvTracks, element(mkvTrack,
				number(mkvNumber, 1), number(mkvUID, 1), number(mkvType, 1), number(mkvLacing, 0),
				number(mkvStep, uint64(step)),
				element(mkvCodec, []byte("V_MS/VFW/FOURCC")), element(mkvPrivate, bitmap),
				element(mkvVideo, number(mkvWidth, uint64(side)), number(mkvHeight, uint64(side))),
			)),
			clusters,
		),
	), nil
}

// element is an identifier, a size of eight bytes, and the contents.
func element(id uint32, parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	out := binary.BigEndian.AppendUint32(nil, id)
	for out[0] == 0 {
		out = out[1:]
	}
	out = binary.BigEndian.AppendUint64(out, uint64(size)|1<<56)
	return append(out, slices.Concat(parts...)...)
}

func number(id uint32, n uint64) []byte { return element(id, binary.BigEndian.AppendUint64(nil, n)) }
