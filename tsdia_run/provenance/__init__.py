"""What an attempt ran with: the state of the code and of the environment."""
