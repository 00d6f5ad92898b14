"""The output path: a small process of its own that depends on the standard library alone."""
