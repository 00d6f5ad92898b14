"""One living attempt."""
