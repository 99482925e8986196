// Package capture reads cameras, files and folders and returns video.Frames: decoded pixels with their stream time.
//
// No OpenCV or FFmpeg types leave this package. A Frame is valid until the next Read of the same Stream.
package capture
