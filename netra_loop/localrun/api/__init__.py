"""The control plane: what clients ask over HTTP, and how they are answered."""
