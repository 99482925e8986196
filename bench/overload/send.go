//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"vigil/internal/rtsptest/sender"
)

// send runs the process that simulates the cameras.
func send(file, address string) error {
	annexB, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	v, err := sender.Parse(annexB, *fps)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
		stop()
	}()
	s := &sender.Server{Video: v}
	err = s.Serve(ctx, l)
	fmt.Printf("sent %d dropped %d\n", s.Sent.Load(), s.Dropped.Load())
	return err
}
