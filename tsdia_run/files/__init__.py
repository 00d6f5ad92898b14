"""Files as tsdia-run reads and writes them: whole or absent, typed, locked, without secrets. Knows no run."""
