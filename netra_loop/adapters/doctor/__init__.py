"""Looks at what a session needs of this machine, one subject a module."""
