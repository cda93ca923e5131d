"""The sample's services, started so that they find one another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .service_process import Running, running

KEY = "a key of more than thirty-two characters"
PROJECT = "sample-project"
NOWHERE = "127.0.0.1:1"


@dataclass(frozen=True)
class Staging:
    """A whole staging system."""

    auth: Running
    frontend: Running
    backend: Running
    store: Running

    @property
    def addresses(self) -> dict[str, str]:
        """Where the suites find it."""
        return {
            "AUTH_URL": self.auth.url,
            "FRONTEND_URL": self.frontend.url,
            "BACKEND_URL": self.backend.url,
            "BACKEND_WS_URL": self.backend.ws_url,
        }

    @contextmanager
    def with_backend(self, folder: Path, **environment: str) -> Iterator[Staging]:
        """The same system around another backend."""
        with running_backend(folder, self.store.address, **environment) as backend:
            yield Staging(self.auth, self.frontend, backend, self.store)


def running_backend(folder: Path, store: str, **environment: str) -> AbstractContextManager[Running]:
    """A backend without a fault unless `environment` says otherwise."""
    healthy = {"SESSION_STORE": store, "AGENT_TIMEOUT": "30", "REPORT_LATENCY": "0.2"}
    named = {"TOKEN_KEY": KEY, "GOOGLE_CLOUD_PROJECT": PROJECT, "K_REVISION": "backend-00001-abc"}
    return running("backend", folder, **(named | healthy | environment))


@contextmanager
def running_staging(folder: Path) -> Iterator[Staging]:
    """All four services, without a fault."""
    with ExitStack() as stack:
        start = stack.enter_context
        auth = {"TOKEN_KEY": KEY, "GOOGLE_CLOUD_PROJECT": PROJECT, "K_REVISION": "auth-00001-abc"}
        store = start(running("session_store", folder))
        yield Staging(
            start(running("auth", folder, **auth)),
            start(running("frontend", folder, K_REVISION="frontend-00001-abc")),
            start(running_backend(folder, store.address)),
            store,
        )
