"""From red tests to causes, and from causes to remedies. Pure: it thinks about what others have seen."""
