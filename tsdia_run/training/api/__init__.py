"""What scripts import: ``tsdia_run.current_run()`` and what it returns."""
