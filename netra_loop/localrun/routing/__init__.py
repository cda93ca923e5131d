"""The data plane: ports of services and tags, and every request carried to an instance."""
