"""Agents found, configured, run and counted."""
