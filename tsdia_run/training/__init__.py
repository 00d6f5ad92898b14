"""Code in the training process: Python runs ``boot`` by path, boot loads ``hooks``, the script imports ``api``."""
