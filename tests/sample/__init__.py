"""The sample staging system, started for real on loopback."""
