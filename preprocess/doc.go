// Package preprocess makes frames into the model's input: grey, masked and resized pictures, and cuboids of 16 of them.
//
// Frames go in and Cuboids come out. The invariant: no cuboid spans a gap.
package preprocess
