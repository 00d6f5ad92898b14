"""Run imitations of public training scripts through new, SIGKILL, resume, info and compare."""
