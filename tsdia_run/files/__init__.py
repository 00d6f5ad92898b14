"""Read and write files: atomic writes, typed JSON, locks, redaction. Independent of runs."""
