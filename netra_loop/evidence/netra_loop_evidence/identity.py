"""Says of which targets nobody checked that they are who they claim: encrypted connections, by host name."""

from __future__ import annotations

import ipaddress
import ssl
import weakref
from collections.abc import Callable, Iterable


class TlsIdentity:
    """Judges each encrypted connection once, when it is first read, and remembers: it may be kept alive.

    A peer is known if its certificate was verified for a host name that was declared; on loopback, for any name.
    """

    def __init__(self, declared: Iterable[str]) -> None:
        self._by_host: dict[str, list[str]] = {}
        for target in declared:
            self._by_host.setdefault(_host(target), []).append(target)
        self._known: weakref.WeakKeyDictionary[ssl.SSLSocket | ssl.SSLObject, bool] = weakref.WeakKeyDictionary()

    def of_socket(self, sock: ssl.SSLSocket, target: str) -> tuple[str, ...]:
        """The target itself, unless it proved who it is on this connection."""
        return () if self._is_known(sock, lambda name: self._is_declared(name) or _is_loopback(target)) else (target,)

    def of_object(self, connection: ssl.SSLObject) -> tuple[str, ...]:
        """The targets of the host name this encryption without a socket is for, unless that host proved it."""
        if connection.server_side:
            return ()
        named = self._by_host.get((connection.server_hostname or "").lower(), ())
        return () if not named or self._is_known(connection, self._is_declared) else tuple(named)

    def _is_known(self, connection: ssl.SSLSocket | ssl.SSLObject, is_right: Callable[[str], bool]) -> bool:
        known = self._known.get(connection)
        if known is None:
            context, name = connection.context, connection.server_hostname
            known = context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname and is_right(name or "")
            self._known[connection] = known
        return known

    def _is_declared(self, name: str) -> bool:
        return name.lower() in self._by_host


def _host(target: str) -> str:
    return target.rpartition(":")[0].strip("[]").lower()


def _is_loopback(target: str) -> bool:
    host = _host(target)
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
