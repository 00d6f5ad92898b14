"""Training scripts as a user would write them; they import nothing of tsdia-run."""
