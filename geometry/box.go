package geometry

// Box is a rectangle in fractions of the picture, its origin at the top left.
type Box struct {
	X float64 `json:"x" jsonschema:"minimum=0,maximum=1"`
	Y float64 `json:"y" jsonschema:"minimum=0,maximum=1"`
	W float64 `json:"w" jsonschema:"minimum=0,maximum=1"`
	H float64 `json:"h" jsonschema:"minimum=0,maximum=1"`
}
