"""The logs of a run as one stream: attempts in order, each through its rotated and compressed parts (docs/logs.md)."""
