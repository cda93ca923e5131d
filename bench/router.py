"""What the router costs: `python -m bench.router` asks one instance directly and through its service, in turns.

It prints the time of a request either way on a connection that stays open, the difference, which is to stay below
0.6 ms at the median, and what the server needs while nobody asks: its memory (to stay below 60 MB) and its CPU time.
"""

import argparse
import os
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

from tests.localrun.cloud import Cloud, service_body

FAST_APP = Path(__file__).parent.parent / "tests" / "localrun" / "fast_app.py"
WARM_UP = 500


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5000, help="of each kind")
    parser.add_argument("--idle-seconds", type=float, default=5, help="how long to look at the idle server")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(Path(folder) / "home")
        try:
            _measure(cloud, Path(folder), arguments.requests, arguments.idle_seconds)
        finally:
            cloud.stop()


def deploy_fast_app(cloud: Cloud, folder: Path, **template: Any) -> str:
    """The address of a service `fast` that runs the fast app as its revision `fast-one`."""
    source = folder / "source"
    source.mkdir()
    shutil.copy(FAST_APP, source / "app.py")
    (source / "Procfile").write_text("web: python app.py\n")
    image = cloud.build(source, "fast")["reference"]
    return str(cloud.deploy("fast", service_body(image, revision="fast-one", **template))["uri"])


def _measure(cloud: Cloud, folder: Path, requests: int, idle_seconds: float) -> None:
    uri = deploy_fast_app(cloud, folder)
    instance = cloud.instances("fast")["fast-one"][0]
    direct, routed = _in_turns(f"http://127.0.0.1:{instance['port']}", uri, requests)
    _print_times("direct", direct)
    _print_times("routed", routed)
    added = median(routed) - median(direct)
    sys.stdout.write(f"added   median {added:7.3f} ms   (ratio {median(routed) / median(direct):.1f})\n")
    _print_idle(cloud.process.pid, idle_seconds)


def _in_turns(direct: str, routed: str, requests: int) -> tuple[list[float], list[float]]:
    """Milliseconds of every request, one direct and one routed after the other."""
    with _connect(direct) as one, _connect(routed) as other:
        times = [(_ask(one), _ask(other)) for _ in range(WARM_UP + requests)][WARM_UP:]
    return [time for time, _ in times], [time for _, time in times]


def _connect(url: str) -> socket.socket:
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _ask(connection: socket.socket) -> float:
    """The milliseconds from the request to the last byte of its answer."""
    host = f"127.0.0.1:{connection.getpeername()[1]}"
    request = (
        f"GET /hello HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nUser-Agent: bench\r\n\r\n"
    )
    began = time.perf_counter()
    connection.sendall(request.encode())
    answer = b""
    while not answer.endswith(b'{"hello":"world"}'):
        block = connection.recv(65536)
        assert block, "the connection was closed"
        answer += block
    return (time.perf_counter() - began) * 1000


def _print_times(name: str, times: list[float]) -> None:
    sys.stdout.write(f"{name}  median {median(times):7.3f} ms   p95 {quantiles(times, n=20)[-1]:7.3f} ms\n")


def _print_idle(pid: int, seconds: float) -> None:
    before = _cpu_seconds(pid)
    time.sleep(seconds)
    used = _cpu_seconds(pid) - before
    words = f"{used / seconds:.1%} of a core" if used else "not measurable"
    sys.stdout.write(f"idle    memory {_resident(pid) / 1e6:.1f} MB   CPU in {seconds:g} s: {words}\n")


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, in steps of 0.01 s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
