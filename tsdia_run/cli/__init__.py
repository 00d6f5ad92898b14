"""The commands, one file each, and the one error boundary."""
