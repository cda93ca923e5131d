"""The names of this machine, which alone may be asked for."""

from urllib.parse import urlsplit

LOCAL_HOSTS = ("127.0.0.1", "localhost")


def is_local(host: str) -> bool:
    """Whether a Host header names this machine, with or without a port; other names were made to resolve to it.

    Raises ValueError for what names no host.
    """
    return urlsplit(f"//{host}").hostname in LOCAL_HOSTS
