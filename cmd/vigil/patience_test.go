package main

import "time"

// patience is how long a test waits for something that takes a second or two; only a failure takes it all.
const patience = 60 * time.Second
