"""The claim on a run directory: its owner, its live processes and the existing contents."""
