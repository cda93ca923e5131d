"""The session told to someone. Pure: a session in, text or something to draw out."""
