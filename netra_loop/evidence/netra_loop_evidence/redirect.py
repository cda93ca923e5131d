"""Leads connections elsewhere, for a run of the suite that must not reach its real targets."""

from __future__ import annotations

import functools
import importlib
import ipaddress
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

Endpoint = tuple[str, int]
_LOOPBACK = "localhost"


class Redirect:
    """Where each real target is looked for instead; Python's own sockets and uvloop obey it, no name is asked for."""

    def __init__(self, elsewhere: Mapping[str, str]) -> None:
        """By ``host:port``, or by ``host`` for all its ports, the ``ip:port`` to meet instead.

        Whoever names another port of a target's host means the target too, unless the host is this machine.
        """
        self._by_endpoint: dict[tuple[str, object], Endpoint] = {}
        self._by_host: dict[str, Endpoint] = {}
        for real, false in elsewhere.items():
            host, port = _split(real)
            false_host, _, false_port = false.rpartition(":")
            self._by_endpoint[host, port] = endpoint = (false_host, int(false_port))
            if port is None or host != _LOOPBACK:
                self._by_host[host] = endpoint

    def of(self, host: object, port: object) -> Endpoint | None:
        """Where to go instead; None for whoever is no target."""
        if isinstance(host, (bytes, bytearray)):
            host = host.decode("ascii", "replace")
        if not isinstance(host, str):
            return None
        name = _plain(host)
        if isinstance(port, (str, bytes)) and port.isdigit():
            port = int(port)
        return self._by_endpoint.get((name, port)) or self._by_host.get(name)

    def install(self) -> None:
        """Replace the functions that look names up and the methods that connect, for the life of the process."""
        self._wrap_function("getaddrinfo", lambda host, port, *more: (*(self.of(host, port) or (host, port)), *more))
        for name in ("gethostbyname", "gethostbyname_ex"):
            self._wrap_function(name, lambda host: ((self.of(host, None) or (host,))[0],))
        for name in ("connect", "connect_ex", "sendto"):
            self._wrap_method(name)
        with suppress(ImportError):
            self._lead(importlib.import_module("uvloop").Loop)

    def _lead(self, loop: Any) -> None:
        """Lead away a class of event loops that looks names up and connects below Python's sockets."""
        connect, look_up = loop.create_connection, loop.getaddrinfo

        @functools.wraps(connect)
        async def connected(this: Any, factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
            return await connect(this, factory, *(self.of(host, port) or (host, port)), **options)

        @functools.wraps(look_up)
        async def looked_up(this: Any, host: Any, port: Any, **options: Any) -> Any:
            return await look_up(this, *(self.of(host, port) or (host, port)), **options)

        loop.create_connection, loop.getaddrinfo = connected, looked_up

    def _wrap_function(self, name: str, instead: Callable[..., tuple[Any, ...]]) -> None:
        function = getattr(socket, name)

        @functools.wraps(function)
        def redirected(host: Any, *rest: Any, **options: Any) -> Any:
            if "port" in options:
                rest = (options.pop("port"), *rest)
            return function(*instead(host, *rest), **options)

        setattr(socket, name, redirected)

    def _wrap_method(self, name: str) -> None:
        """The address is the last argument of each of them."""
        method = getattr(socket.socket, name)

        @functools.wraps(method)
        def redirected(sock: socket.socket, *args: Any) -> Any:
            __tracebackhide__ = True
            return method(sock, *args[:-1], self._address(sock, args[-1]))

        setattr(socket.socket, name, redirected)

    def _address(self, sock: socket.socket, address: Any) -> Any:
        found = self.of(*address[:2]) if isinstance(address, tuple) and len(address) >= 2 else None
        if found is None:
            return address
        return (f"::ffff:{found[0]}", found[1], 0, 0) if sock.family == socket.AF_INET6 else found


def _split(name: str) -> tuple[str, int | None]:
    """Host and port; None for a port that is not said."""
    host, colon, port = name.rpartition(":")
    return (_plain(host), int(port)) if colon and port.isdigit() else (_plain(name), None)


def _plain(host: str) -> str:
    """One spelling of a host's name; everything that is this machine has the same."""
    name = host.strip("[]").partition("%")[0].rstrip(".").lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    address = getattr(address, "ipv4_mapped", None) or address
    return _LOOPBACK if address.is_loopback else str(address)
