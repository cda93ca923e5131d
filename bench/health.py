"""What looking at many endpoints costs: `python -m bench.health` asks 100 at once, of which one takes a second.

It prints how long that takes beside the slow one alone, and beside all of them one after the other, in one run.
"""

from __future__ import annotations

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio

from netra_loop.adapters.address import Address
from netra_loop.adapters.health import check_health
from netra_loop.core.outcome import Outcome
from netra_loop.core.target import Endpoint, HealthCheck, Target

SLOW, QUICK = 1.0, 0.05  # seconds
ENDPOINTS = 100


class _Waiting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        time.sleep(SLOW if self.path == "/slow" else QUICK)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 2 * ENDPOINTS


def main() -> None:
    """Measure and print."""
    server = _Server(("127.0.0.1", 0), _Waiting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    quick = tuple(Endpoint(f"/quick/{number}") for number in range(ENDPOINTS - 1))
    alone, together = _seconds(url, ()), _seconds(url, quick)
    in_turn = SLOW + (ENDPOINTS - 1) * QUICK
    sys.stdout.write(
        f"{ENDPOINTS} endpoints {together:.3f} s, the slowest alone {alone:.3f} s: {together / alone:.2f} times as "
        f"long; in turn they would wait {in_turn:.2f} s\n"
    )
    server.shutdown()


def _seconds(url: str, endpoints: tuple[Endpoint, ...]) -> float:
    """Of one look at the slow path and these endpoints."""
    target = Target("many", "many", health=HealthCheck("/slow", consecutive=1, endpoints=endpoints), local=True)
    began = time.perf_counter()
    result = anyio.run(check_health, target, Address(url, ""))
    if result.outcome is not Outcome.PASSED:
        sys.exit("; ".join(result.reasons))
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
