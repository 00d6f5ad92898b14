"""`make storm`: SIGKILL of every kind of process at random moments."""
