"""Runners of suites, one kind of suite a file."""
