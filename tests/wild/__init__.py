"""Imitations of public training scripts, taken through new, SIGKILL, resume, info and compare."""
