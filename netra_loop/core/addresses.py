"""Which addresses may be asked on behalf of a target: public ones, or this machine for what runs on it. Pure.

A base URL or a redirect that leads anywhere else would have us ask what only this network can reach, such as the
metadata server of a cloud machine, with whatever we carry.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_CARRIERS = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("2002::/16"))
"""IPv6 addresses that stand for an IPv4 one behind a gateway (RFC 6052, 8215, 3056)."""


def refusal(address: str, *, local: bool) -> str:
    """Why an address is not asked, empty where it may be. local: the target runs on this machine, and only there."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return f"{address} is no address"
    plain = found.ipv4_mapped if isinstance(found, IPv6Address) and found.ipv4_mapped else found
    if local:
        return "" if plain.is_loopback else f"{address} is not on this machine"
    kind = _special(plain)
    return f"{address} is {kind}" if kind else ""


def _special(address: IPv4Address | IPv6Address) -> str:
    if address.is_loopback or address.is_unspecified:
        return "this machine"
    if address.is_link_local:
        return "a link-local address, where metadata servers are"
    if address.is_multicast:
        return "a multicast address"
    if isinstance(address, IPv6Address) and any(address in network for network in _CARRIERS):
        return "an address that stands for another"
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    return "" if address.is_global and not site_local else "a private or reserved address"
