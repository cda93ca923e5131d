"""What runs inside a suite's own process: the folder is put on the suite's PYTHONPATH, never imported by the engine."""
