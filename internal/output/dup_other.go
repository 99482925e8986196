//go:build !unix

package output

import (
	"errors"
	"os"
)

func duplicate(int) (*os.File, error) { return nil, errors.ErrUnsupported }
