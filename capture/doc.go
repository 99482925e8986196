// Package capture turns cameras, files and folders into video.Frames: plain pixels with their place in time.
//
// Nothing of OpenCV or FFmpeg leaves this package. A Frame belongs to the caller until the next Read of the same
// Stream.
package capture
