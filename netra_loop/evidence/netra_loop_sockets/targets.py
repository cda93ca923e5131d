"""Who a target is: the addresses its name has at the start."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

Endpoint = tuple[str, int]


class Peer:
    """The other end of a connection: ``ip:port``, and the declared target it is, if it is one.

    claimed: for the use of whoever counts its bytes.
    """

    __slots__ = ("claimed", "label", "target")

    def __init__(self, label: str, target: str | None) -> None:
        self.label = label
        self.target = target
        self.claimed = False


class Targets:
    """The declared targets and the addresses their names have at the start.

    On loopback a target is address and port, since everything on this machine shares the address; elsewhere it is the
    address. A name that does not resolve has no addresses, and nothing counts for it.
    """

    def __init__(self, declared: Iterable[str]) -> None:
        endpoints = {name: _resolve(name) for name in declared}
        self.resolved = {name: [_label(*endpoint) for endpoint in found] for name, found in endpoints.items()}
        self._by_endpoint = {endpoint: name for name, found in endpoints.items() for endpoint in found}
        self._by_endpoint.update({_split(name): name for name in endpoints})
        self._by_address = {
            ip: name for name, found in endpoints.items() for ip, _ in found if not ipaddress.ip_address(ip).is_loopback
        }

    def learn(self, host: str, addresses: Iterable[str]) -> None:
        """Addresses that this host name has now: a name may have none at the start, and others later."""
        for name, (declared, port) in ((name, _split(name)) for name in self.resolved):
            if declared.lower() == host.lower():
                for ip in map(plain, addresses):
                    self._by_endpoint.setdefault((ip, port), name)
                    if not ipaddress.ip_address(ip).is_loopback:
                        self._by_address.setdefault(ip, name)

    def peer(self, address: object) -> Peer | None:
        """Who has this socket address; None for whatever is not a host and a port."""
        if not isinstance(address, tuple) or len(address) < 2 or not isinstance(address[0], str):
            return None
        ip, port = plain(address[0]), address[1]
        return Peer(_label(ip, port), self._by_endpoint.get((ip, port)) or self._by_address.get(ip))


def _resolve(name: str) -> list[Endpoint]:
    host, port = _split(name)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return sorted({(plain(str(address[0])), port) for *_, address in found})


def _split(name: str) -> Endpoint:
    host, _, port = name.rpartition(":")
    return host.strip("[]"), int(port)


def plain(ip: str) -> str:
    """The address without its zone, and an IPv4 address that came in IPv6's clothes as itself."""
    ip = ip.partition("%")[0]
    return ip[len("::ffff:") :] if ip.startswith("::ffff:") and "." in ip else ip


def _label(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
