"""The embedded Cloud Run, tested from outside: real processes, real sockets, the real Google clients."""
