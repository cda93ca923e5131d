"""Ports: reserved among all servers of a user, and the same again for who had one before."""

import subprocess
import sys
from pathlib import Path

import pytest

from netra_loop.localrun.http.wire import listen
from netra_loop.localrun.routing.doors import PORTS, Doors
from netra_loop.localrun.runtime.ports import Ports
from netra_loop.localrun.state.store import Store

OTHER = """
import sys
from pathlib import Path
from netra_loop.localrun.runtime.ports import Ports
ports = Ports(Path(sys.argv[1]))
for line in sys.stdin:
    print(ports.reserve(int(line)), flush=True)
"""


class OtherServer:
    """Another process that reserves ports."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def reserves(self, port: int) -> bool:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{port}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline() == "True\n"

    def killed(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_a_port_is_reserved_for_one_server_until_it_releases_it_or_dies(tmp_path: Path) -> None:
    ports, other = Ports(tmp_path / "ports"), OtherServer(tmp_path / "ports")
    assert ports.reserve(6379)
    assert not ports.reserve(6379)
    assert not other.reserves(6379)
    ports.release(6379)
    assert other.reserves(6379)
    assert not ports.reserve(6379)
    other.killed()
    assert ports.reserve(6379)


def test_a_free_port_is_one_that_no_other_server_was_given(tmp_path: Path) -> None:
    ports, other = Ports(tmp_path / "ports"), OtherServer(tmp_path / "ports")
    given = {ports.free() for _ in range(5)}
    assert len(given) == 5
    assert not any(other.reserves(port) for port in given)
    other.killed()


def test_a_folder_that_may_be_anothers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(PermissionError, match="is a link, or not a folder of this user"):
        Ports(tmp_path / "link")


def doors(tmp_path: Path) -> Doors:
    return Doors(Store(tmp_path / "state.db"))


def test_a_door_has_the_port_it_had_before(tmp_path: Path) -> None:
    with doors(tmp_path).listen("shop") as first:
        port = first.getsockname()[1]
    assert port in PORTS
    with doors(tmp_path).listen("shop") as second:
        assert second.getsockname() == ("127.0.0.1", port)


def test_a_door_whose_port_is_taken_moves_for_good_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with doors(tmp_path).listen("shop") as first:
        taken = first.getsockname()[1]
    with listen(taken), doors(tmp_path).listen("shop") as moved:
        port = moved.getsockname()[1]
    assert capsys.readouterr().err == f"port {taken} of shop is taken, it is at http://127.0.0.1:{port} now\n"
    with doors(tmp_path).listen("shop") as again:
        assert again.getsockname()[1] == port


def test_the_port_of_a_door_that_was_given_up_is_not_remembered(tmp_path: Path) -> None:
    before = doors(tmp_path)
    ports = {name: before.listen(name) for name in ("shop", "shop:old", "shop:new")}
    before.forget_all_but({"shop", "shop:new"})
    before.forget("shop:new")
    for listener in ports.values():
        listener.close()
    store = Store(tmp_path / "state.db")
    assert set(store.all("door")) == {"shop"}
