"""Find and describe runs. Nothing here writes into a run."""
