package capture

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// missingNumbers returns how many numbers are missing before each of the naturally ordered names, and a note that lists
// them. The frame number is the last number in a name without its extension; two names are compared only if the rest is
// equal. Frames may be numbered in steps.
func missingNumbers(paths []string) (missing []int, note string) {
	missing = make([]int, len(paths))
	numbers, steps := make([]numberedName, len(paths)), map[int]int{}
	step, pairs := 0, 0
	for i, p := range paths {
		numbers[i] = lastNumber(filepath.Base(p))
		if d := numbers[i].after(numbers, i); d > 0 {
			pairs++
			if steps[d]++; steps[d] > steps[step] {
				step = d
			}
		}
	}
	if step == 0 || 2*steps[step] <= pairs {
		return missing, "" // at most half are one step apart, so these are not frame numbers
	}
	total := 0
	var ranges []string
	for i := range paths {
		d := numbers[i].after(numbers, i)
		if d <= step || d%step != 0 || numbers[i].isTimeAfter(numbers[i-1], step) {
			continue
		}
		missing[i] = d/step - 1
		total += missing[i]
		ranges = append(ranges, numbers[i-1].between(numbers[i], step))
	}
	const maxRanges = 5
	switch {
	case total == 0:
		return missing, ""
	case len(ranges) > maxRanges:
		ranges = append(ranges[:maxRanges], "more")
	}
	return missing, fmt.Sprintf("the folder lacks %d of its numbers (%s): as many frames are missing", total,
		strings.Join(ranges, ", "))
}

// numberedName is a name split around its number.
type numberedName struct {
	prefix, digits, suffix string
	n                      int
}

// maxDigits is the maximum length of a frame number in digits; dates with a time are longer.
const maxDigits = 11

func lastNumber(name string) numberedName {
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	end := strings.LastIndexAny(stem, "0123456789") + 1
	from := end
	for from > 0 && isDigit(stem[from-1]) {
		from--
	}
	if end == 0 || end-from > maxDigits {
		return numberedName{prefix: name, n: -1}
	}
	n, err := strconv.Atoi(stem[from:end])
	if err != nil {
		return numberedName{prefix: name, n: -1}
	}
	return numberedName{prefix: stem[:from], digits: stem[from:end], suffix: stem[end:], n: n}
}

// after returns the difference between the i-th number and the previous one, 0 if they are not of one sequence.
func (a numberedName) after(all []numberedName, i int) int {
	if i == 0 || a.n < 0 || all[i-1].n < 0 || a.prefix != all[i-1].prefix || a.suffix != all[i-1].suffix {
		return 0
	}
	return a.n - all[i-1].n
}

// isTimeAfter reports whether both are times of day and one step apart, such as 070059 and 070100.
func (a numberedName) isTimeAfter(b numberedName, step int) bool {
	seconds := func(n int) int { return n/10000*3600 + n/100%100*60 + n%100 }
	clock := func(x numberedName) bool {
		return len(x.digits) == 6 && x.n/100%100 < 60 && x.n%100 < 60 && x.n < 240000
	}
	return clock(a) && clock(b) && seconds(a.n)-seconds(b.n) == step
}

// between formats the range of numbers missing between two names.
func (a numberedName) between(b numberedName, step int) string {
	width := len(a.digits)
	first, last := fmt.Sprintf("%0*d", width, a.n+step), fmt.Sprintf("%0*d", width, b.n-step)
	if first == last {
		return first
	}
	return first + " to " + last
}
