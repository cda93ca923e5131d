"""HTTP/1.1 on the data plane: bytes, messages, and connections that are kept."""
