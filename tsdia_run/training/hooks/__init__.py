"""What hooks Accelerate, W&B and the trackers when the script imports them."""
