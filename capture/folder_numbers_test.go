package capture

import (
	"fmt"
	"testing"
)

func TestMissingNumbers(t *testing.T) {
	sequence := func(format string, numbers ...int) (names []string) {
		for _, n := range numbers {
			names = append(names, fmt.Sprintf(format, n))
		}
		return names
	}
	tests := []struct {
		name    string
		names   []string
		missing string
		note    string
	}{
		{"none", sequence("%03d.png", 7, 8, 9, 10), "[0 0 0 0]", ""},
		{
			"one and two", sequence("f_%04d.png", 1, 2, 3, 5, 6, 9, 10), "[0 0 0 1 0 2 0]",
			"the folder lacks 3 of its numbers (0004, 0007 to 0008): as many frames are missing",
		},
		{
			"every fifth", sequence("%d.png", 0, 5, 10, 20, 25), "[0 0 0 1 0]",
			"the folder lacks 1 of its numbers (15): as many frames are missing",
		},
		{
			"six places", sequence("%d.png", 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18, 19, 21, 22, 23,
				25, 26, 27),
			"[0 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0]",
			"the folder lacks 6 of its numbers (4, 8, 12, 16, 20, more): as many frames are missing",
		},
		{"no sequence", sequence("%d.png", 3, 17, 18, 99, 1000), "[0 0 0 0 0]", ""},
		{"two alone", sequence("%d.png", 3, 17), "[0 0]", ""},
		{"words", []string{"a.png", "b.png", "c.png"}, "[0 0 0]", ""},
		{"two endings", []string{"1.png", "1.jpg", "2.png", "2.jpg", "3.png"}, "[0 0 0 0 0]", ""},
		{
			"dates with times", sequence("%d.png", 20240101070058, 20240101070059, 20240101070100, 20240101070101),
			"[0 0 0 0]", "",
		},
		{"times", sequence("%06d.png", 70057, 70058, 70059, 70100, 70101), "[0 0 0 0 0]", ""},
		{
			"minutes of hours",
			[]string{"d_07-57.png", "d_07-58.png", "d_07-59.png", "d_08-00.png", "d_08-01.png"},
			"[0 0 0 0 0]", "",
		},
		{
			"a sequence in each take",
			[]string{"a1.png", "a2.png", "a4.png", "b7.png", "b8.png", "b9.png"},
			"[0 0 1 0 0 0]", "the folder lacks 1 of its numbers (3): as many frames are missing",
		},
	}
	for _, tt := range tests {
		missing, note := missingNumbers(tt.names)
		if got := fmt.Sprint(missing); got != tt.missing || note != tt.note {
			t.Errorf("%s: %v, %q, want %v, %q", tt.name, got, note, tt.missing, tt.note)
		}
	}
}
