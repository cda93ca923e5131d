"""Looks at the TCP sockets of this process's own descriptors, whichever library opened them."""

from __future__ import annotations

import _socket
import ctypes
import functools
import sys
from collections.abc import Iterator
from os import listdir
from typing import Any

from .connection import INFO_SIZE, Connection, described
from .netlink import SO_COOKIE
from .targets import Endpoint, plain

_ADDRESS_SIZE = 28  # bytes of the longer one, of IPv6


def own_connections() -> list[Connection]:
    """Every TCP connection this process holds open; some microseconds each. Raises OSError without ``/proc``."""
    return list(_connections([int(name) for name in listdir("/proc/self/fd")]))  # noqa: PTH208 - a hot path


def _connections(descriptors: list[int]) -> Iterator[Connection]:
    libc = _libc()
    info, cookie = ctypes.create_string_buffer(INFO_SIZE), ctypes.create_string_buffer(8)
    for descriptor in descriptors:
        if not _asked(libc.getsockopt, descriptor, _socket.IPPROTO_TCP, _socket.TCP_INFO, into=info):
            continue
        peer = _endpoint(libc.getpeername, descriptor)
        local = _endpoint(libc.getsockname, descriptor)
        if peer and local and _asked(libc.getsockopt, descriptor, _socket.SOL_SOCKET, SO_COOKIE, into=cookie):
            yield described(int.from_bytes(cookie.raw, sys.byteorder), local, peer, info.raw)


def _endpoint(function: Any, descriptor: int) -> Endpoint | None:
    address = ctypes.create_string_buffer(_ADDRESS_SIZE)
    if not _asked(function, descriptor, into=address, wholly=False):
        return None
    raw = address.raw
    family = int.from_bytes(raw[:2], sys.byteorder)
    host = {_socket.AF_INET: raw[4:8], _socket.AF_INET6: raw[8:24]}.get(family)
    if host is None:
        return None
    return plain(_socket.inet_ntop(family, host)), int.from_bytes(raw[2:4], "big")


def _asked(function: Any, *arguments: int, into: ctypes.Array[ctypes.c_char], wholly: bool = True) -> bool:
    """Whether the call succeeded and, if asked for, filled the whole buffer."""
    size = ctypes.c_uint(len(into))
    return function(*arguments, into, ctypes.byref(size)) == 0 and (not wholly or size.value == len(into))


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
