"""From a prepared run to a command line and an environment."""
