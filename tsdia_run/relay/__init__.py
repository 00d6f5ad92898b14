"""The output path: a separate small process that depends only on the standard library."""
