package model

import "fmt"

// opaque stands for an object in a pickle that describes no tensor, such as numpy scalars and argparse settings, which
// training scripts store beside a state dict. Nothing of it is executed. Its parts are kept because tensors among them
// determine the storage sizes of the legacy format.
type opaque struct {
	class string
	parts []any
}

// opaqueClass is the full name of an unknown class or function.
type opaqueClass string

// Call implements gopickle's Callable.
func (c opaqueClass) Call(args ...any) (any, error) {
	return &opaque{class: string(c), parts: append([]any(nil), args...)}, nil
}

// PyNew implements gopickle's PyNewable.
func (c opaqueClass) PyNew(args ...any) (any, error) { return c.Call(args...) }

// Call implements gopickle's Callable, for the result of a function that is itself called.
func (o *opaque) Call(args ...any) (any, error) {
	return opaqueClass(o.class).Call(append([]any{o}, args...)...)
}

// PySetState implements gopickle's PyStateSettable.
func (o *opaque) PySetState(state any) error {
	o.parts = append(o.parts, state)
	return nil
}

// Set implements gopickle's DictSetter, for classes that are dicts.
func (o *opaque) Set(key, value any) { o.parts = append(o.parts, key, value) }

// Append implements gopickle's ListAppender, for classes that are lists.
func (o *opaque) Append(v any) { o.parts = append(o.parts, v) }

// String names the class.
func (o *opaque) String() string { return fmt.Sprintf("an object of the class %s", shorten(o.class)) }
