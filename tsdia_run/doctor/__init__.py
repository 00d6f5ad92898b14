"""Check what a start needs: interpreter, GPUs, disk, locks, W&B, scheduler. Nothing here writes a file."""
