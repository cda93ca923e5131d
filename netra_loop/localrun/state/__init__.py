"""What survives the server: the folder, the store, the audit."""
