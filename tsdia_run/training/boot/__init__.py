"""What starts a rank: needs the standard library only, and imports nothing else of tsdia-run."""
