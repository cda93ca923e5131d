"""What a caller sees of an answer while it is being made."""
