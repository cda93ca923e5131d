"""The world, one thing a file; third-party imports live only here."""
