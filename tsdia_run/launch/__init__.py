"""Turn a prepared run into a command line and an environment."""
