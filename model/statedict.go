package model

import (
	"fmt"

	"github.com/nlpodyssey/gopickle/types"
)

// saveHint is the remedy for a file that holds something other than a state dict.
const saveHint = `save the network's state dict with torch.save(net.state_dict(), "model.pt")`

const (
	// maxDepth is how deep a state dict may be nested in other dicts.
	maxDepth = 5
	// maxTensors and maxName bound the names of a hostile file with deep dicts; a checkpoint has a few hundred tensors.
	maxTensors = 10000
	maxName    = 256
)

// collectTensors finds the tensors in the object of a file. A tensor's name is its path through the dicts, with dots
// between; values that are not tensors are skipped.
func collectTensors(object any) (map[string]*tensorRef, error) {
	found := map[string]*tensorRef{}
	seen := map[any]bool{}
	var other *opaque
	var walk func(v any, prefix string, depth int) error
	walk = func(v any, prefix string, depth int) error {
		if seen[v] || depth > maxDepth {
			return nil
		}
		seen[v] = true
		return visitEntries(v, func(name string, value any) error {
			switch value := value.(type) {
			case *tensorRef:
				if len(found) == maxTensors {
					return fmt.Errorf("more than %d tensors", maxTensors)
				}
				found[prefix+name] = value
			case *types.Dict, *types.OrderedDict:
				return walk(value, prefix+name+".", depth+1)
			case *opaque:
				if other == nil || value.class < other.class {
					other = value
				}
			}
			return nil
		})
	}
	empty := false
	switch object := object.(type) {
	case *types.Dict:
		empty = len(*object) == 0
	case *types.OrderedDict:
		empty = len(object.Map) == 0
	default:
		return nil, fmt.Errorf("expected a dict of tensors, found %s: %s", kindOf(object), saveHint)
	}
	if err := walk(object, "", 0); err != nil {
		return nil, err
	}
	switch {
	case empty:
		return nil, fmt.Errorf("the state dict is empty: %s", saveHint)
	case len(found) == 0 && other != nil:
		return nil, fmt.Errorf("found a dict with no tensor in it, but with %s: %s", kindOf(other), saveHint)
	case len(found) == 0:
		return nil, fmt.Errorf("found a dict with no tensor in it: %s", saveHint)
	}
	return found, nil
}

// visitEntries calls each for the entries of a dict that have a string key.
func visitEntries(v any, each func(name string, value any) error) error {
	visit := func(key, value any) error {
		if name, ok := key.(string); ok && len(name) <= maxName {
			return each(name, value)
		}
		return nil
	}
	switch d := v.(type) {
	case *types.Dict:
		for _, e := range *d {
			if err := visit(e.Key, e.Value); err != nil {
				return err
			}
		}
	case *types.OrderedDict:
		for key, e := range d.Map {
			if err := visit(key, e.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// kindOf names a pickled value's type for error messages.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case *tensorRef:
		return "a tensor"
	case *types.Dict, *types.OrderedDict:
		return "a dict"
	case *types.List, *types.Tuple:
		return "a list"
	case string:
		return "a text"
	case int, float64, bool:
		return "a number"
	case *opaque:
		return v.String()
	case opaqueClass:
		return fmt.Sprintf("the class or function %s", shorten(string(v)))
	}
	return "an object"
}

// visitStorages visits every storage in a pickled object once. Objects can contain themselves.
func visitStorages(object any, visit func(*storageRef)) {
	seen := map[any]bool{}
	todo := []any{object}
	push := func(v any) {
		switch v.(type) {
		case *types.Dict, *types.OrderedDict, *types.List, *types.Tuple, *tensorRef, *storageRef, *opaque:
			if !seen[v] {
				seen[v] = true
				todo = append(todo, v)
			}
		}
	}
	for len(todo) > 0 {
		v := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch v := v.(type) {
		case *types.Dict:
			for _, e := range *v {
				push(e.Value)
			}
		case *types.OrderedDict:
			for _, e := range v.Map {
				push(e.Value)
			}
		case *types.List:
			for _, e := range *v {
				push(e)
			}
		case *types.Tuple:
			for _, e := range *v {
				push(e)
			}
		case *opaque:
			for _, e := range v.parts {
				push(e)
			}
		case *tensorRef:
			push(v.storage)
		case *storageRef:
			visit(v)
		}
	}
}

// legacyWidth is the size in bytes of a storage's values, including types that are not valid in a state dict.
func legacyWidth(dtype string) int64 {
	if w, ok := valueBytes[dtype]; ok {
		return w
	}
	return map[string]int64{"int16": 2, "int8": 1, "uint8": 1, "bool": 1}[dtype]
}

// read gathers the values of a tensor with any strides. budget is the number of values that may still be allocated,
// since tensors can share a storage.
func (t *tensorRef) read(find storageReader, budget *int) (Tensor, error) {
	n, span, err := t.extent(*budget)
	if err != nil {
		return Tensor{}, err
	}
	*budget -= max(n, span)
	width, ok := valueBytes[t.storage.dtype]
	if !ok {
		return Tensor{}, fmt.Errorf("type %s is not supported, expected floating point or integers of 32 or 64 bits",
			t.storage.dtype)
	}
	raw, err := find(t.storage)
	if err != nil {
		return Tensor{}, err
	}
	if have := len(raw) / int(width); have < t.storage.length {
		return Tensor{}, fmt.Errorf("%w: expected a storage of %d values, found %d", errTruncated,
			t.storage.length, have)
	}
	first := t.storage.offset + t.offset
	if t.offset < 0 || t.offset > t.storage.length || first > t.storage.length-span {
		return Tensor{}, fmt.Errorf("shape %v with strides %v at %d reaches beyond its storage of %d values", t.size,
			t.stride, t.offset, t.storage.length)
	}
	all, err := decodeValues(t.storage.dtype, raw[first*int(width):(first+span)*int(width)])
	if err != nil {
		return Tensor{}, err
	}
	out := Tensor{Shape: append([]int{}, t.size...)}
	if all.Int != nil {
		out.Int = gather(all.Int, n, t.size, t.stride)
	} else {
		out.Float = gather(all.Float, n, t.size, t.stride)
	}
	return out, nil
}

// extent is the number of a tensor's values, and the distance from its first to its last value in the storage,
// inclusive.
func (t *tensorRef) extent(budget int) (n, span int, err error) {
	if len(t.size) > maxRank {
		return 0, 0, fmt.Errorf("%d dimensions, the limit is %d", len(t.size), maxRank)
	}
	n, span = 1, 1
	for i, d := range t.size {
		if d < 0 || d > maxFile || t.stride[i] < 0 || t.stride[i] > maxFile {
			return 0, 0, fmt.Errorf("shape %v with strides %v", t.size, t.stride)
		}
		n *= d
		span += max(d-1, 0) * t.stride[i]
		if n > budget || span > budget {
			return 0, 0, fmt.Errorf("shape %v with strides %v takes more values than the file has", t.size, t.stride)
		}
	}
	if n == 0 {
		span = 0
	}
	return n, span, nil
}

// gather copies a strided view into row-major order.
func gather[T any](all []T, n int, size, stride []int) []T {
	out := make([]T, n)
	index := make([]int, len(size))
	at := 0
	for i := range out {
		out[i] = all[at]
		for d := len(size) - 1; d >= 0; d-- {
			index[d]++
			at += stride[d]
			if index[d] < size[d] {
				break
			}
			at -= stride[d] * size[d]
			index[d] = 0
		}
	}
	return out
}
