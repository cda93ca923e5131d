"""Whom we ask for a target: its host is looked up once, every address is checked, and that one is connected to."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from netra_loop.core.addresses import refusal

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host."""


class Refused(Exception):
    """We do not ask this; the message says why."""


async def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver gives. Raises OSError."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


@dataclass(frozen=True, slots=True)
class Reach:
    """local: the target runs on this machine, so it is asked there without TLS, and nowhere else."""

    local: bool
    resolve: Resolve = look_up

    async def address(self, scheme: str, host: str, port: int) -> str:
        """The one address to connect to. Raises Refused where any address of the host is not to be asked, OSError."""
        if scheme not in (("http", "ws") if self.local else ("https", "wss")):
            raise Refused(f"refused to ask {scheme}://{host}: only {'http' if self.local else 'https'} is asked here")
        addresses = [numeric] if (numeric := _numeric(host)) else await self.resolve(host, port)
        for each in addresses:
            if why := refusal(each, local=self.local):
                raise Refused(f"refused to ask {host}: {why}")
        if not addresses:
            raise OSError(f"{host} has no address")
        return addresses[0]


def _numeric(host: str) -> str:
    """The address that a host spells in numbers, also in decimal, octal or hex; empty for a name."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return ""
