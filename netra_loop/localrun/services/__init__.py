"""Services, their revisions and traffic: what exists, what may change, and how a change comes into effect."""
