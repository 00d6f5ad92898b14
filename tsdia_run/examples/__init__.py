"""Example training scripts. Only ``sine.py`` imports tsdia-run."""
