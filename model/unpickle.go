package model

import (
	"bytes"
	"fmt"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// storageRef is a reference in a pickle to a storage, whose bytes lie elsewhere in the file.
type storageRef struct {
	dtype  string // a key of widths, or a name that is not supported
	key    string
	length int // values
	offset int // of a view's first value in the storage
}

// tensorRef is a tensor in a pickle: a view of a storage. Offsets, sizes and strides count values.
type tensorRef struct {
	storage *storageRef
	offset  int
	size    []int
	stride  []int
}

// storageClass stands for the Python class of a storage.
type storageClass string

// storageClasses maps PyTorch's storage classes to types. Types that a state dict cannot use may still occur beside it
// in a checkpoint.
var storageClasses = map[string]storageClass{
	"FloatStorage": "F32", "DoubleStorage": "F64", "HalfStorage": "F16", "BFloat16Storage": "BF16",
	"LongStorage": "I64", "IntStorage": "I32",
	"ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool",
}

// rebuild is a PyTorch function that builds a tensor; it is called with the pickle's arguments.
type rebuild func(args []any) (any, error)

// Call implements gopickle's Callable.
func (r rebuild) Call(args ...any) (any, error) { return r(args) }

// unpickle reads a scanned pickle. It knows a few globals, which only describe tensors; all others become opaque
// objects, so nothing that a pickle names is executed. A malformed pickle results in an error, never in a panic.
func unpickle(b []byte) (value any, err error) {
	defer func() {
		if r := recover(); r != nil {
			value, err = nil, fmt.Errorf("malformed pickle: %s", shorten(fmt.Sprint(r)))
		}
	}()
	u := pickle.NewUnpickler(bytes.NewReader(b))
	u.FindClass = func(module, name string) (any, error) { return findClass(module, name), nil }
	u.PersistentLoad = persistentLoad
	value, err = u.Load()
	if err != nil {
		// The error may quote the file, so it is shortened and not wrapped.
		return nil, fmt.Errorf("pickle: %s", shorten(err.Error()))
	}
	return value, nil
}

func findClass(module, name string) any {
	switch module {
	case "torch._utils":
		switch name {
		case "_rebuild_tensor_v2", "_rebuild_tensor":
			return rebuild(rebuildTensor)
		case "_rebuild_parameter", "_rebuild_parameter_with_state":
			return rebuild(rebuildParameter)
		}
	case "torch":
		if class, ok := storageClasses[name]; ok {
			return class
		}
	}
	return opaqueClass(module + "." + name)
}

// rebuildTensor takes (storage, offset, size, stride, …).
func rebuildTensor(args []any) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("a tensor with %d properties", len(args))
	}
	storage, ok := args[0].(*storageRef)
	offset, ok2 := args[1].(int)
	size, ok3 := ints(args[2])
	stride, ok4 := ints(args[3])
	if !ok || !ok2 || !ok3 || !ok4 || len(size) != len(stride) {
		return nil, fmt.Errorf("a tensor of %T, %T, %T, %T", args[0], args[1], args[2], args[3])
	}
	return &tensorRef{storage: storage, offset: offset, size: size, stride: stride}, nil
}

// rebuildParameter takes (tensor, requires_grad, hooks).
func rebuildParameter(args []any) (any, error) {
	if len(args) > 0 {
		if t, ok := args[0].(*tensorRef); ok {
			return t, nil
		}
	}
	return nil, fmt.Errorf("a parameter that is not a tensor")
}

func ints(v any) ([]int, bool) {
	t, ok := v.(*types.Tuple)
	if !ok {
		return nil, false
	}
	all := make([]int, t.Len())
	for i := range all {
		if all[i], ok = t.Get(i).(int); !ok {
			return nil, false
		}
	}
	return all, true
}

// persistentLoad handles ("storage", class, key, location, length), in the legacy format followed by a view's (key,
// offset, length) or None.
func persistentLoad(id any) (any, error) {
	t, ok := id.(*types.Tuple)
	if !ok || t.Len() < 5 || t.Get(0) != "storage" {
		return nil, fmt.Errorf("an external object that is not a storage")
	}
	class, ok := t.Get(1).(storageClass)
	if other, is := t.Get(1).(opaqueClass); is {
		// A checkpoint may hold storages of other types beside the state dict.
		class, ok = storageClass(other), true
	}
	key, ok2 := t.Get(2).(string)
	length, ok3 := t.Get(4).(int)
	if !ok || !ok2 || !ok3 || length < 0 {
		return nil, fmt.Errorf("a storage of %T, %T, %T", t.Get(1), t.Get(2), t.Get(4))
	}
	ref := &storageRef{dtype: string(class), key: key, length: length}
	if t.Len() < 6 || t.Get(5) == nil {
		return ref, nil
	}
	view, ok := t.Get(5).(*types.Tuple)
	if !ok || view.Len() != 3 {
		return nil, fmt.Errorf("a view of a storage that is not a triple")
	}
	offset, ok := view.Get(1).(int)
	viewLength, ok2 := view.Get(2).(int)
	if !ok || !ok2 || offset < 0 || viewLength < 0 || viewLength > length || offset > length-viewLength {
		return nil, fmt.Errorf("a view that is not within its storage")
	}
	ref.offset = offset
	return ref, nil
}
