// Package preprocess turns frames into the model's input: grey, masked and resized pictures, and cuboids of 16 of them.
// No cuboid spans a gap.
package preprocess
