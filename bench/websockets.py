"""Many WebSockets for long: `python -m bench.websockets` opens 500 of them and has every one echo now and then.

It prints how many were lost, the time of an echo directly and through the service, and what the server has grown by.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles

from bench.router import deploy_fast_app
from tests.localrun.cloud import Cloud
from tests.localrun.echo_socket import EchoSocket

PAUSE = 1.0  # seconds between two echoes of one socket, on average


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(Path(folder) / "home")
        try:
            uri = deploy_fast_app(cloud, Path(folder), maxInstanceRequestConcurrency=arguments.sockets, timeout="3600s")
            asyncio.run(_measure(cloud, uri, arguments.sockets, arguments.seconds))
        finally:
            cloud.stop()


async def _measure(cloud: Cloud, uri: str, count: int, seconds: float) -> None:
    before = await asyncio.to_thread(cloud.get, "/_local/status")
    (instance,) = cloud.instances("fast")["fast-one"]
    ways = {"direct": f"http://127.0.0.1:{instance['port']}", "routed": uri}
    times: dict[str, list[float]] = {way: [] for way in ways}
    end = time.monotonic() + seconds
    turns = [way for way, _ in zip(cycle(["routed", "routed", "routed", "routed", "direct"]), range(count * 5 // 4))]
    sockets = [(way, await EchoSocket.open(ways[way])) for way in turns]
    lost = await asyncio.gather(*(_talk(socket, end, times[way]) for way, socket in sockets))
    after = await asyncio.to_thread(cloud.get, "/_local/status")
    sys.stdout.write(f"{turns.count('routed')} through the service for {seconds:g} s, {sum(lost)} lost\n")
    for way, taken in times.items():
        p95 = quantiles(taken, n=20)[-1]
        sys.stdout.write(f"{way}  echoes {len(taken)}   median {median(taken):7.3f} ms   p95 {p95:7.3f} ms\n")
    sys.stdout.write(f"server  memory {after['memory'] / 1e6:.1f} MB, {before['memory'] / 1e6:.1f} MB before\n")


async def _talk(socket: EchoSocket, end: float, times: list[float]) -> bool:
    """Echo now and then until the end; true when the socket was lost."""
    try:
        while time.monotonic() < end:
            began = time.perf_counter()
            if await socket.echo("hello") != "hello":
                return True
            times.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(random.uniform(0, 2 * PAUSE))
        return not await socket.close()
    except (OSError, EOFError):
        return True


if __name__ == "__main__":
    main()
