"""The ground: what is on disk for a run, and its rules."""
