"""How we come in where a service does not let everybody in."""
