"""Several agents working for one caller."""
