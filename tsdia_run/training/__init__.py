"""What runs inside the training process; started by path, imported by nothing."""
