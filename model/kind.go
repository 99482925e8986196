package model

import (
	"bytes"
	"net/http"
	"strings"
	"unicode/utf8"
)

// FileKind names the kind of file that begins with raw, for error messages.
func FileKind(raw []byte) string {
	for _, k := range []struct {
		at    int
		magic string
		kind  string
	}{
		{0, "\x93NUMPY", "an array of NumPy"},
		{0, "\x89HDF\r\n", "an HDF5 file, as of Keras"},
		{0, "GGUF", "a GGUF file"},
		{0, "II*\x00", "a picture"},
		{0, "MM\x00*", "a picture"},
		{0, "FLV\x01", "a video"},
		{0, "\x00\x00\x01\xba", "a video"},
		{0, "\x00\x00\x01\xb3", "a video"},
		{0, "version https://git-lfs", "a pointer of Git LFS: fetch the file itself with 'git lfs pull'"},
		{0, "\x7fELF", "a program"},
		{0, "SQLite format 3", "a data base"},
	} {
		if len(raw) > k.at && bytes.HasPrefix(raw[k.at:], []byte(k.magic)) {
			return k.kind
		}
	}
	// A transport stream has this byte at the start of each packet.
	if len(raw) > 376 && raw[0] == 'G' && raw[188] == 'G' && raw[376] == 'G' {
		return "a video"
	}
	switch {
	case len(raw) == 0:
		return "an empty file"
	case bytes.HasPrefix(raw, []byte("PK\x03\x04")):
		return "a zip archive"
	case len(raw) > 1 && raw[0] == 0x80 && raw[1] >= 2 && raw[1] <= 5:
		return "a pickle of Python"
	}
	kind := http.DetectContentType(raw)
	major, _, _ := strings.Cut(kind, "/")
	if major == "text" && !isText(raw) {
		major = ""
	}
	switch {
	case major == "text" && strings.HasPrefix(kind, "text/html"):
		return "a web page"
	case major == "text":
		if text := bytes.TrimLeft(raw, "\ufeff \t\r\n"); len(text) > 0 && (text[0] == '{' || text[0] == '[') {
			return "a JSON text"
		}
		return "a text"
	case major == "video":
		return "a video"
	case major == "image":
		return "a picture"
	case major == "audio":
		return "a sound"
	case kind == "application/pdf":
		return "a PDF document"
	case strings.HasSuffix(kind, "gzip"):
		return "a gzip archive"
	}
	return "a file of another kind"
}

// isText reports whether a file begins with valid UTF-8. The last rune inspected may be cut off.
func isText(raw []byte) bool {
	const sniffed = 512
	for cut := range utf8.UTFMax {
		if end := min(len(raw), sniffed) - cut; end >= 0 && utf8.Valid(raw[:end]) {
			return true
		}
	}
	return false
}

// describeNonWeights says what a file is that does not begin like safetensors, and what was expected instead.
func describeNonWeights(raw []byte) string {
	kind := FileKind(raw)
	switch {
	case kind == "a zip archive" && bytes.Contains(raw[:min(len(raw), 4096)], []byte("data.pkl")),
		kind == "a pickle of Python" &&
			bytes.Contains(raw[:min(len(raw), 64)], []byte("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")):
		return "a file of torch.save: make weights of it with 'vigil model import'"
	case kind == "a JSON text" && bytes.Contains(raw[:min(len(raw), 4096)], []byte(`"model_hash"`)):
		return "a calibration, expected the weights that it was made with: a safetensors file of 'vigil train' or " +
			"'vigil model import'"
	}
	return kind + ", expected weights: a safetensors file of 'vigil train' or 'vigil model import'"
}
