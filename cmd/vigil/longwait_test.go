package main

import "time"

// longWait is how long a test waits for something that takes a second or two; only a failure takes it all.
const longWait = 60 * time.Second
