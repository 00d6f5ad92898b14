"""Record the state of the code and of the environment of an attempt."""
