package geometry

// Components returns the connected components of the set pixels of a raster, [height][width], row-major, as indices
// into it, in the order of their first pixels. diagonal also connects pixels that touch at a corner.
func Components(set []bool, width int, diagonal bool) [][]int {
	height := len(set) / max(width, 1)
	seen := make([]bool, len(set))
	var components [][]int
	var todo []int
	for start, in := range set {
		if !in || seen[start] {
			continue
		}
		seen[start] = true
		var component []int
		for todo = append(todo, start); len(todo) > 0; {
			i := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			component = append(component, i)
			x, y := i%width, i/width
			for ny := max(0, y-1); ny <= min(height-1, y+1); ny++ {
				for nx := max(0, x-1); nx <= min(width-1, x+1); nx++ {
					j := ny*width + nx
					if set[j] && !seen[j] && (diagonal || nx == x || ny == y) {
						seen[j] = true
						todo = append(todo, j)
					}
				}
			}
		}
		components = append(components, component)
	}
	return components
}
