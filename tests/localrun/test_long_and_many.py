"""Bodies that are large and connections that are many: they pass, and the server does not grow with them."""

import asyncio
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from tests.localrun.cloud import Cloud, service_body, write_echo_app
from tests.localrun.echo_socket import EchoSocket

FAST_APP = Path(__file__).parent / "fast_app.py"
MEGABYTE = 1024 * 1024
SIZE = 64 * MEGABYTE
SOCKETS = 500


def peak_memory(pid: int) -> int:
    """The most bytes a process has held so far."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def test_large_bodies_pass_both_ways_and_are_never_held(own_cloud: Callable[..., Cloud], tmp_path: Path) -> None:
    cloud = own_cloud()
    image = cloud.build(write_echo_app(tmp_path / "source"))["reference"]
    uri = cloud.deploy("large", service_body(image))["uri"]
    assert httpx.get(uri).status_code == 200
    before = peak_memory(cloud.process.pid)

    def body() -> Iterator[bytes]:
        for _ in range(SIZE // MEGABYTE):
            yield bytes(MEGABYTE)

    headers = {"content-length": str(SIZE)}
    assert httpx.post(uri, content=body(), headers=headers, timeout=60).json()["size"] == SIZE
    with httpx.stream("GET", f"{uri}/large", params={"size": SIZE}, timeout=60) as answer:
        assert sum(map(len, answer.iter_raw())) == SIZE
    assert peak_memory(cloud.process.pid) - before < 8 * MEGABYTE


def test_five_hundred_websockets_are_open_at_once(cloud: Cloud, name: str, tmp_path: Path) -> None:
    shutil.copy(FAST_APP, tmp_path / "app.py")
    (tmp_path / "Procfile").write_text("web: python app.py\n")
    image = cloud.build(tmp_path, "fast")["reference"]
    uri = cloud.deploy(name, service_body(image, revision=f"{name}-a", maxInstanceRequestConcurrency=SOCKETS))["uri"]

    async def all_at_once() -> None:
        sockets = await asyncio.gather(*(EchoSocket.open(uri) for _ in range(SOCKETS)))
        for word in ("first", "second"):
            texts = [f"{word} {number}" for number in range(SOCKETS)]
            echoes = await asyncio.gather(*(map(EchoSocket.echo, sockets, texts)))
            assert echoes == texts
        (instance,) = await asyncio.to_thread(lambda: cloud.instances(name)[f"{name}-a"])
        assert instance["in_flight"] == SOCKETS
        assert all(await asyncio.gather(*map(EchoSocket.close, sockets)))

    asyncio.run(all_at_once())
