"""Log entries: where they come from, how they are kept, found and told."""
