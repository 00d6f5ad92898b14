"""The read side: what runs there are and what became of them. Nothing here writes into a run."""
