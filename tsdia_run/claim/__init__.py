"""Who may write into a run directory: the claim, who holds it, what lives, and what is in the way."""
