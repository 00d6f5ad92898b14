"""The API for scripts: ``tsdia_run.current_run()`` and the object that it returns."""
