"""Start a rank, using only the standard library and no other package directory of tsdia-run."""
