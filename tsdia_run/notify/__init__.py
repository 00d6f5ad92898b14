"""Notify the user of how a run ends: a request to a URL, and a command."""
