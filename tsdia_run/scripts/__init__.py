"""How a script takes its config, output directory and checkpoint: from its source, or by the name of a preset."""
