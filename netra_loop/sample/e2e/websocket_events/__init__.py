"""The events a caller sees while an agent works."""
