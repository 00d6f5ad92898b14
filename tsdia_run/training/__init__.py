"""What runs inside the training process: ``boot`` is started by path, ``hooks`` by boot, ``api`` by the script."""
