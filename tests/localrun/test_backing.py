"""Backing processes: one a name, where it was asked for, and gone with the server."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from netra_loop.adapters.embedded import NEAR, Embedded
from netra_loop.localrun.errors import ApiError
from netra_loop.localrun.runtime.backing import LARGEST_LOG, Backings, Wanted
from netra_loop.localrun.runtime.images import Image
from netra_loop.localrun.runtime.launch import free_ports
from netra_loop.views.local_status import local_status
from tests.localrun.cloud import Cloud, Document, is_alive, until, write_echo_app

FREE_PORTS = free_ports()
OURS = {"PATH", "HOME", "LANG", "PYTHONDONTWRITEBYTECODE", "NETRA_LOOP_LOCAL", "PORT", "cwd", "argv"}
OF_THE_SHELL = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}


@pytest.fixture
def address() -> str:
    """An address nobody listens on, and that no other test uses."""
    return f"127.0.0.1:{next(FREE_PORTS)}"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_echo_app(tmp_path / "source")


def write_source(folder: Path, command: str) -> Path:
    """A source folder that is nothing but a command."""
    folder.mkdir(exist_ok=True)
    (folder / "Procfile").write_text(f"web: {command}\n")
    return folder


def backed(answer: httpx.Response) -> Document:
    assert answer.status_code == 200, answer.text
    document: Document = answer.json()
    return document


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["message"]


def told(cloud: Cloud, name: str) -> Document | None:
    """What status says of a backing process."""
    return next((one for one in cloud.get("/_local/status")["backing"] if one["name"] == name), None)


@contextmanager
def listener_at(address: str) -> Iterator[None]:
    """Somebody else at an address."""
    host, _, port = address.partition(":")
    with socket.create_server((host, int(port))):
        yield


def nobody_listens(address: str) -> bool:
    with socket.socket() as client:
        host, _, port = address.partition(":")
        return client.connect_ex((host, int(port))) != 0


def test_it_listens_where_it_was_asked_to_and_is_told(cloud: Cloud, source: Path, address: str, name: str) -> None:
    process = backed(cloud.back(name, source, address))
    digest = cloud.build(source, name)["digest"]
    assert process == {"name": name, "address": address, "pid": process["pid"], "digest": digest}
    assert told(cloud, name) == {"name": name, "address": address, "pid": process["pid"], "alive": True}
    env = httpx.get(f"http://{address}/env").json()
    assert set(env) - OF_THE_SHELL == OURS
    assert env["PORT"] == address.partition(":")[2]
    assert Path(env["cwd"]) == cloud.home / "images" / digest.removeprefix("sha256:")
    entry = next(entry for entry in cloud.get("/_local/audit")["entries"] if entry["service"] == name)
    assert (entry["method"], entry["path"], entry["action"]) == ("POST", "/_local/backing", "back")


def test_requests_that_are_alike_start_one_process(cloud: Cloud, source: Path, address: str, name: str) -> None:
    write_source(source, "sh -c 'echo begun; exec python app.py'")
    of_localhost = f"localhost:{address.partition(':')[2]}"
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda at: backed(cloud.back(name, source, at)), [address, of_localhost] * 2))
    assert answers == [answers[0]] * 4
    assert backed(cloud.back(name, source, address)) == answers[0]
    assert (cloud.home / "backing" / f"{name}.log").read_text() == "begun\n"


def test_one_that_died_is_started_again(cloud: Cloud, source: Path, address: str, name: str) -> None:
    first = backed(cloud.back(name, source, address))
    os.kill(first["pid"], signal.SIGKILL)
    until(lambda: not is_alive(first["pid"]) and nobody_listens(address), "it is dead, with all of its threads")
    second = backed(cloud.back(name, source, address))
    assert second["pid"] != first["pid"]
    os.kill(second["pid"], signal.SIGKILL)
    until(lambda: told(cloud, name) == {"name": name, "address": address, "pid": second["pid"], "alive": False}, "dead")
    assert httpx.get(f"http://{backed(cloud.back(name, source, address))['address']}").status_code == 200


def test_another_source_takes_the_place_of_the_old(cloud: Cloud, source: Path, address: str, name: str) -> None:
    first = backed(cloud.back(name, source, address))
    (source / "version").write_text("2")
    second = backed(cloud.back(name, source, address))
    assert second["digest"] != first["digest"]
    assert not is_alive(first["pid"])
    assert httpx.get(f"http://{address}/env").json()["cwd"].endswith(second["digest"].removeprefix("sha256:"))


def test_another_address_takes_the_place_of_the_old(cloud: Cloud, source: Path, address: str, name: str) -> None:
    first = backed(cloud.back(name, source, address))
    second = backed(cloud.back(name, source, f"127.0.0.1:{next(FREE_PORTS)}"))
    assert not is_alive(first["pid"])
    assert nobody_listens(address)
    assert httpx.get(f"http://{second['address']}").status_code == 200


def test_a_taken_address_is_refused_and_nothing_changes(cloud: Cloud, source: Path, address: str, name: str) -> None:
    before = backed(cloud.back(name, source, f"127.0.0.1:{next(FREE_PORTS)}"))
    with listener_at(address):
        answer = cloud.back(name, source, address)
    assert refusal(answer) == (409, f"{address} is taken by another process; give the dependency another address")
    assert backed(cloud.back(name, source, before["address"])) == before


def test_a_stranger_may_take_the_address_of_one_that_died(cloud: Cloud, source: Path, address: str, name: str) -> None:
    os.kill(backed(cloud.back(name, source, address))["pid"], signal.SIGKILL)
    until(lambda: (told(cloud, name) or {})["alive"] is False, "it is seen to be dead")
    with listener_at(address):
        answer = cloud.back(name, source, address)
    assert refusal(answer) == (409, f"{address} is taken by another process; give the dependency another address")
    assert backed(cloud.back(name, source, address))["address"] == address


def test_two_names_never_share_an_address(cloud: Cloud, source: Path, address: str, name: str) -> None:
    backed(cloud.back(name, source, address))
    assert refusal(cloud.back(f"{name}-b", source, address)) == (
        409,
        f"{address} is the address of {name}; give {name}-b another, "
        "or end the local environment when its declaration has changed",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "0.0.0.0:16379", "10.0.0.1:16379", "127.0.0.1.example:16379", "[::1]:16379", "127.0.0.1", "127.0.0.1:0",
        "127.0.0.1:1023", "127.0.0.1:65536", "127.0.0.1:+6379", "127.0.0.1:16379\n", "",
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_loopback_address_is_refused(cloud: Cloud, source: Path, name: str, wrong: str) -> None:
    assert refusal(cloud.back(name, source, wrong)) == (
        400,
        f"address: '{wrong}' must be 127.0.0.1 or localhost and a port from 1024 to 65535, such as 127.0.0.1:6379",
    )


@pytest.mark.parametrize("wrong", ["", "../up", "a/b", "Upper", ".", "a" * 64], ids=repr)
def test_a_name_that_is_none_is_refused(cloud: Cloud, source: Path, address: str, wrong: str) -> None:
    message = f"name: '{wrong}' must be at most 63 lower case letters, digits, '.', '_' or '-'"
    assert refusal(cloud.back(wrong, source, address)) == (400, message)


@pytest.mark.parametrize(
    "body",
    [{"name": 1}, {"source": 1}, {"address": 1}, {"source": "relative"}, {"other": "x"}],
    ids=str,
)
def test_a_wrong_request_is_refused(cloud: Cloud, source: Path, address: str, body: dict[str, Any]) -> None:
    right = {"name": "wrong", "source": str(source), "address": address}
    answer = cloud.http.post("/_local/backing", json=right | body, headers=cloud.token)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_one_that_ends_before_it_listens_is_told_with_its_last_words(
    cloud: Cloud, tmp_path: Path, address: str, name: str
) -> None:
    words = write_source(tmp_path / "a", "sh -c 'echo no; seq 9 >&2; exit 3'")
    log = cloud.home / "backing" / f"{name}.log"
    assert refusal(cloud.back(name, words, address)) == (
        400,
        f"{name} ended with exit code 3 before it listened on {address}; "
        f"its last words on stderr: 5 | 6 | 7 | 8 | 9; all of them are in {log}",
    )
    assert sorted(log.read_text().split()) == sorted(["no", *"123456789"])
    silent = cloud.back(name, write_source(tmp_path / "b", "true"), address)
    assert "ended with exit code 0" in refusal(silent)[1]
    assert "its last words on stderr: none;" in refusal(silent)[1]
    assert told(cloud, name) is None


def test_one_that_never_listens_is_ended(tmp_path: Path, address: str) -> None:
    async def start() -> None:
        backings = Backings(tmp_path / "logs", grace=1, patience=0.2)
        image = Image(
            "local/deaf", "sha256:0", tmp_path, "sh -c 'trap \"echo goodbye >&2; exit\" TERM; sleep 60 & wait'"
        )
        await backings.ensure(Wanted("deaf", image, int(address.partition(":")[2])))

    with pytest.raises(ApiError) as refused:
        asyncio.run(start())
    assert refused.value.message == (
        f"deaf did not listen on {address} within 0.2 seconds; "
        f"its last words on stderr: goodbye; all of them are in {tmp_path / 'logs' / 'deaf.log'}"
    )


def test_its_log_stops_growing(cloud: Cloud, source: Path, address: str, name: str) -> None:
    backed(cloud.back(name, source, address))
    for _ in range(6):
        httpx.get(f"http://{address}/long", params={"size": 200_000})
    pid = backed(cloud.back(name, source, address))["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: (told(cloud, name) or {})["alive"] is False, "its output is read")
    assert 1_000_000 < (cloud.home / "backing" / f"{name}.log").stat().st_size <= LARGEST_LOG


def end_by_signal(cloud: Cloud) -> None:
    cloud.process.terminate()


def end_by_down(cloud: Cloud) -> None:
    cloud.http.post("/_local/down", headers=cloud.token)


def end_by_kill(cloud: Cloud) -> None:
    cloud.process.kill()


@pytest.mark.parametrize("end", [end_by_signal, end_by_down, end_by_kill], ids=lambda end: end.__name__)
def test_it_ends_with_the_server(
    own_cloud: Callable[..., Cloud], source: Path, address: str, end: Callable[[Cloud], None]
) -> None:
    cloud = own_cloud()
    pid = backed(cloud.back("store", source, address))["pid"]
    end(cloud)
    killed = cloud.process.wait(20) != 0
    until(lambda: not is_alive(pid), "it has ended", patience=15 if killed else 0)
    assert nobody_listens(address)


def test_a_server_that_ends_gives_up_on_one_that_is_starting(
    own_cloud: Callable[..., Cloud], tmp_path: Path, address: str
) -> None:
    cloud = own_cloud()
    deaf = write_source(tmp_path / "deaf", f"sh -c 'echo $$ > {tmp_path / 'pid'}; exec sleep 60'")
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(cloud.back, name, deaf, address) for name in ("deaf", "next")]
        pid = int(until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "it starts"))
        cloud.process.terminate()
        assert cloud.process.wait(10) == 0
        assert not is_alive(pid)
        assert all(one.exception() or one.result().status_code == 409 for one in waiting)


def test_nothing_is_started_after_the_end(tmp_path: Path, address: str) -> None:
    async def start() -> None:
        backings = Backings(tmp_path / "logs", grace=1)
        await backings.stop()
        image = Image("local/late", "sha256:0", tmp_path, "true")
        await backings.ensure(Wanted("late", image, int(address.partition(":")[2])))

    with pytest.raises(ApiError) as refused:
        asyncio.run(start())
    assert (refused.value.status, refused.value.message) == ("ABORTED", "The server is about to end.")


def test_the_adapter_has_it_run_and_the_status_shows_it(
    own_cloud: Callable[..., Cloud], source: Path, address: str
) -> None:
    cloud = own_cloud()
    embedded = Embedded(cloud.url, cloud.identity["token"], cloud.identity["pid"])
    before = local_status(embedded.status()).splitlines()[1:]
    embedded.back("store", source, address)
    process = embedded.status()["backing"][0]
    assert local_status(embedded.status()).splitlines()[1:] == [
        *before,
        "",
        f"{'NAME':5}  {'ADDRESS':15}  {'PID':{len(str(process['pid']))}}  ALIVE",
        f"store  {address}  {process['pid']}  yes",
    ]


def test_the_adapter_takes_the_next_address_while_another_has_the_one_asked_for_and_keeps_it(
    own_cloud: Callable[..., Cloud], source: Path
) -> None:
    cloud = own_cloud()
    embedded = Embedded(cloud.url, cloud.identity["token"], cloud.identity["pid"])
    asked = f"127.0.0.1:{next(FREE_PORTS)}"
    with listener_at(asked):
        told = embedded.back("store", source, asked)
    host, _, port = asked.rpartition(":")
    assert told in {f"{host}:{int(port) + number}" for number in range(1, NEAR)}
    assert embedded.back("store", source, asked) == told


def test_of_two_servers_that_start_one_at_the_same_address_the_second_is_refused(
    own_cloud: Callable[..., Cloud], cloud: Cloud, tmp_path: Path, address: str, name: str
) -> None:
    gate = tmp_path / "gate"
    source = write_echo_app(tmp_path / "slow")
    write_source(source, f"sh -c 'touch {gate}.seen; until [ -e {gate} ]; do sleep 0.01; done; exec python app.py'")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(own_cloud().back, name, source, address)
        until(lambda: Path(f"{gate}.seen").exists(), "the first is about to listen")
        assert nobody_listens(address)
        second = cloud.back(name, source, address)
        gate.touch()
        backed(first.result())
    assert refusal(second) == (
        409, f"{address} is taken by another process; give the dependency another address"
    )  # fmt: skip
