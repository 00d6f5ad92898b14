"""Read the logs of a run as one stream of attempts, with rotated and compressed parts (docs/logs.md)."""
