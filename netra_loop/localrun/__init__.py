"""The embedded Cloud Run: a process of its own that serves Admin API, Cloud Logging and services on loopback."""
