package geometry

import (
	"reflect"
	"slices"
	"testing"
)

func TestComponents(t *testing.T) {
	for _, c := range []struct {
		name                    string
		rows                    []string
		connected, withDiagonal [][]int
	}{
		{"empty", nil, nil, nil},
		{"nothing set", []string{"...", "..."}, nil, nil},
		{"one pixel", []string{"..#"}, [][]int{{2}}, [][]int{{2}}},
		{"a corner", []string{"#.", ".#"}, [][]int{{0}, {3}}, [][]int{{0, 3}}},
		{"no wrapping at the border", []string{"..#", "#.."}, [][]int{{2}, {3}}, [][]int{{2}, {3}}},
		{"two arms", []string{"#.#", "###", "..."}, [][]int{{0, 2, 3, 4, 5}}, [][]int{{0, 2, 3, 4, 5}}},
		{
			"a ring and its centre",
			[]string{"####.", "#..#.", "#.#..", "###.#"},
			[][]int{{0, 1, 2, 3, 5, 8, 10, 12, 15, 16, 17}, {19}},
			[][]int{{0, 1, 2, 3, 5, 8, 10, 12, 15, 16, 17}, {19}},
		},
	} {
		var set []bool
		width := 0
		for _, row := range c.rows {
			width = len(row)
			for _, pixel := range row {
				set = append(set, pixel == '#')
			}
		}
		for diagonal, want := range map[bool][][]int{false: c.connected, true: c.withDiagonal} {
			got := Components(set, width, diagonal)
			for _, component := range got {
				slices.Sort(component)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, diagonal %v: %v, want %v", c.name, diagonal, got, want)
			}
		}
	}
}
