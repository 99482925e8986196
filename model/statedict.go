package model

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nlpodyssey/gopickle/types"
)

// stateDict finds the state dict in the object of a file: it is the object itself, or what a training script put it under.
func stateDict(object any) (map[string]*tensorRef, error) {
	top, err := entries(object)
	if err != nil {
		return nil, fmt.Errorf("expected a dict of tensors, found %w", err)
	}
	for _, key := range []string{"state_dict", "model_state_dict", "model"} {
		if inner, ok := top[key]; ok {
			if top, err = entries(inner); err != nil {
				return nil, fmt.Errorf("%s: expected a dict of tensors, found %w", key, err)
			}
			break
		}
	}
	if len(top) == 0 {
		return nil, errors.New("the state dict is empty")
	}
	const prefix = "module."
	for prefixed(top, prefix) {
		stripped := make(map[string]any, len(top))
		for name, v := range top {
			stripped[strings.TrimPrefix(name, prefix)] = v
		}
		top = stripped
	}
	refs := make(map[string]*tensorRef, len(top))
	for name, v := range top {
		ref, ok := v.(*tensorRef)
		if !ok {
			return nil, fmt.Errorf("entry %s: expected a tensor, found %s", shorten(name), kind(v))
		}
		refs[name] = ref
	}
	return refs, nil
}

func prefixed(dict map[string]any, prefix string) bool {
	for name := range dict {
		if !strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return len(dict) > 0
}

// entries are those of a dict with names for keys; the error says what the value is instead.
func entries(v any) (map[string]any, error) {
	all := map[string]any{}
	add := func(key, value any) error {
		name, ok := key.(string)
		if !ok {
			return fmt.Errorf("a dict with a key that is %s", kind(key))
		}
		all[name] = value
		return nil
	}
	switch d := v.(type) {
	case *types.Dict:
		for _, e := range *d {
			if err := add(e.Key, e.Value); err != nil {
				return nil, err
			}
		}
	case *types.OrderedDict:
		for key, e := range d.Map {
			if err := add(key, e.Value); err != nil {
				return nil, err
			}
		}
	default:
		return nil, errors.New(kind(v))
	}
	return all, nil
}

// kind names a pickled value's type in a user's words.
func kind(v any) string {
	switch v.(type) {
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
	}
	return "an object"
}

// each visits every storage in a pickled object once. Objects can contain themselves.
func each(object any, visit func(*storageRef)) {
	seen := map[any]bool{}
	todo := []any{object}
	push := func(v any) {
		switch v.(type) {
		case *types.Dict, *types.OrderedDict, *types.List, *types.Tuple, *tensorRef, *storageRef:
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
		case *tensorRef:
			push(v.storage)
		case *storageRef:
			visit(v)
		}
	}
}

// legacyWidth is the size in bytes of a storage's values, also of the types that a state dict has no use for.
func legacyWidth(dtype string) int64 {
	if w, ok := widths[dtype]; ok {
		return w
	}
	return map[string]int64{"int16": 2, "int8": 1, "uint8": 1, "bool": 1}[dtype]
}

// read gathers the values of a tensor, whatever its strides. budget is how many values may still be made of the file, since
// tensors can share a storage.
func (t *tensorRef) read(find storages, budget *int) (Tensor, error) {
	n, span, err := t.extent(*budget)
	if err != nil {
		return Tensor{}, err
	}
	*budget -= max(n, span)
	width, ok := widths[t.storage.dtype]
	if !ok {
		return Tensor{}, fmt.Errorf("type %s is not supported, expected floating point or integers of 32 or 64 bits", t.storage.dtype)
	}
	raw, err := find(t.storage)
	if err != nil {
		return Tensor{}, err
	}
	if have := len(raw) / int(width); have < t.storage.length {
		return Tensor{}, fmt.Errorf("%w: expected a storage of %d values, found %d", errTruncated, t.storage.length, have)
	}
	first := t.storage.offset + t.offset
	if t.offset < 0 || t.offset > t.storage.length || first > t.storage.length-span {
		return Tensor{}, fmt.Errorf("shape %v with strides %v at %d reaches beyond its storage of %d values", t.size, t.stride, t.offset, t.storage.length)
	}
	all, err := decode(t.storage.dtype, raw[first*int(width):(first+span)*int(width)])
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

// extent is the number of a tensor's values, and of those between its first and its last in the storage.
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

// gather brings a strided view into row-major order.
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
