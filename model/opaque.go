package model

import "fmt"

// opaque stands for what a pickle makes with a class or function that describes no tensor, such as numpy's numbers and
// argparse's settings, which training scripts put beside a state dict. Nothing of it is executed. Its parts are kept,
// since tensors among them say how the older format's storages are cut.
type opaque struct {
	class string
	parts []any
}

// opaqueClass is the full name of such a class or function.
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
