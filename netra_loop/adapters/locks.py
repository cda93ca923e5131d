"""Kernel locks: freed at once when their holder dies, so none is ever stale."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio

from netra_loop.core.errors import LockedError


class Lock:
    """An exclusive flock on a file that is never renamed or removed; the file's text names the holder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def acquire(self, what: str, session_id: str, wait: float = 0.0) -> None:
        """Take it, trying for `wait` seconds. Raises LockedError that names who holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = _holder(descriptor)
                    os.close(descriptor)
                    raise LockedError(f"{what} is held by {holder}", "wait for it to end, or stop it") from None
                time.sleep(0.05)
        self._descriptor = descriptor
        self.name_holder(session_id)

    def name_holder(self, session_id: str) -> None:
        """Write into the file who holds it; nothing while it is not held."""
        if self._descriptor >= 0:
            since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            holder = json.dumps({"session": session_id, "pid": os.getpid(), "since": since})
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, holder.encode(), 0)

    def release(self) -> None:
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)  # nobody is to be named for what the next holder has taken
            os.close(self._descriptor)
            self._descriptor = -1


def _holder(descriptor: int) -> str:
    """Who holds it; one who has just taken it gets a moment to write its name."""
    for _ in range(50):
        try:
            holder = json.loads(os.pread(descriptor, 4096, 0))
            return f"session {holder['session']} (pid {holder['pid']}, since {holder['since']})"
        except (ValueError, KeyError, TypeError):
            time.sleep(0.01)
    return "another process"


@asynccontextmanager
async def lease(locks: Path, environment: str, user: str, session_id: str, wait: float) -> AsyncIterator[None]:
    """A test user of an environment for ourselves, against other sessions of this project; nothing for no user.

    Raises LockedError when another session keeps it for longer than `wait` seconds.
    """
    if not user:
        yield
        return
    async with _held(Lock(locks / f"user-{_digest(environment, user)}.lock"), f"test user {user}", session_id, wait):
        yield


@asynccontextmanager
async def reserved(locks: Path, place: Path, session_id: str, wait: float) -> AsyncIterator[None]:
    """The place of a report for ourselves, else one session would read what another has written there.

    Raises LockedError when another session keeps it for longer than `wait` seconds.
    """
    lock = Lock(locks / f"report-{_digest(str(place.resolve()))}.lock")
    async with _held(lock, f"report {place.name}", session_id, wait):
        yield


@asynccontextmanager
async def _held(lock: Lock, what: str, session_id: str, wait: float) -> AsyncIterator[None]:
    deadline = time.monotonic() + wait
    while True:
        try:
            lock.acquire(what, session_id)
            break
        except LockedError:
            if time.monotonic() >= deadline:
                raise
            await anyio.sleep(0.1)
    try:
        yield
    finally:
        lock.release()


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def environment_lock(locks: Path, project: str, region: str, environment: str) -> Lock:
    """The lock that one deploying session of an environment holds."""
    name = re.sub(r"[^a-z0-9.-]+", "-", f"{project}.{region}.{environment}".lower())
    return Lock(locks / f"environment-{name}.lock")
