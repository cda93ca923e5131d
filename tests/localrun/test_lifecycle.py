"""The server's own life: how it is found, that it is alone, and that nothing of it stays behind."""

import json
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.localrun.cloud import Cloud, is_alive, service_body, start_server, until, write_echo_app

StartCloud = Callable[..., Cloud]


def deploy_echo(cloud: Cloud, source: Path, **env: str) -> int:
    """Deploy the echo app; returns the process id of its instance."""
    image = cloud.build(write_echo_app(source))["reference"]
    cloud.deploy("echo", service_body(image, revision="echo-one", env=env))
    return int(cloud.instances("echo")["echo-one"][0]["pid"])


def test_it_says_where_it_is_to_its_owner_only(own_cloud: StartCloud, tmp_path: Path) -> None:
    home = tmp_path / "a" / "home"
    cloud = own_cloud(home=home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "server.json").stat().st_mode) == 0o600
    assert set(cloud.identity) == {"url", "pid", "token", "started", "version"}
    assert cloud.identity["pid"] == cloud.process.pid
    assert cloud.identity["started"].endswith("Z")
    status = cloud.get("/_local/status")
    assert {key: status[key] for key in status if key not in ("services", "backing", "memory", "seed", "state")} == {
        key: cloud.identity[key] for key in ("version", "pid", "started", "url")
    }


def test_it_listens_on_loopback_only(own_cloud: StartCloud, tmp_path: Path) -> None:
    cloud = own_cloud()
    deploy_echo(cloud, tmp_path / "source")
    addresses = {
        line.split()[1].partition(":")[0]
        for line in Path(f"/proc/{cloud.process.pid}/net/tcp").read_text().splitlines()[1:]
        if line.split()[9] in sockets_of(cloud.process.pid) and line.split()[3] == "0A"
    }
    assert addresses == {"0100007F"}


def sockets_of(pid: int) -> set[str]:
    """The inodes of the sockets a process has open."""
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def test_a_second_server_on_the_same_folder_exits_75(own_cloud: StartCloud, tmp_path: Path) -> None:
    own_cloud()
    second = start_server(tmp_path / "home")
    _, words = second.communicate(timeout=20)
    assert second.returncode == 75
    assert words == f"another server already uses {tmp_path / 'home'}\n"


def test_a_taken_port_is_told_in_one_line(own_cloud: StartCloud, tmp_path: Path) -> None:
    port = own_cloud().url.rpartition(":")[2]
    second = start_server(tmp_path / "other", "--port", port)
    _, words = second.communicate(timeout=20)
    assert (second.returncode, words) == (1, "cannot serve: [Errno 98] Address already in use\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_and_its_instances(own_cloud: StartCloud, tmp_path: Path, number: signal.Signals) -> None:
    cloud = own_cloud()
    pid = deploy_echo(cloud, tmp_path / "source")
    cloud.process.send_signal(number)
    assert cloud.process.wait(20) == 0
    assert not is_alive(pid)
    assert not (cloud.home / "server.json").exists()


def test_down_ends_it(own_cloud: StartCloud, tmp_path: Path) -> None:
    cloud = own_cloud()
    pid = deploy_echo(cloud, tmp_path / "source")
    assert cloud.http.post("/_local/down", headers=cloud.token).status_code == 200
    assert cloud.process.wait(20) == 0
    assert not is_alive(pid)


def test_a_killed_server_takes_its_instances_along_and_can_be_started_again(
    own_cloud: StartCloud, tmp_path: Path
) -> None:
    cloud = own_cloud()
    pid = deploy_echo(cloud, tmp_path / "source", ORPHAN="1")
    cloud.kill()
    until(lambda: not is_alive(pid), "the instance has ended")
    until(lambda: orphans_of(tmp_path) == [], "and what it had started, too")
    assert httpx.get(own_cloud().service("echo")["uri"]).json()["revision"] == "echo-one"


def orphans_of(folder: Path) -> list[int]:
    """The processes that run within a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            inside = (process / "cwd").readlink().is_relative_to(folder)
        except OSError:
            continue
        if inside and is_alive(int(process.name)):
            found.append(int(process.name))
    return found


def test_an_instance_that_ignores_sigterm_is_killed_after_the_grace(own_cloud: StartCloud, tmp_path: Path) -> None:
    cloud = own_cloud("--grace-seconds", "0.2")
    pid = deploy_echo(cloud, tmp_path / "source", STUBBORN="1")
    assert cloud.stop() == 0
    assert not is_alive(pid)


def test_it_ends_when_nobody_asks_for_anything(own_cloud: StartCloud) -> None:
    cloud = own_cloud("--idle-minutes", "0.02")
    assert cloud.process.wait(20) == 0
    assert not (cloud.home / "server.json").exists()


def test_a_request_under_way_keeps_it_from_being_idle(own_cloud: StartCloud, tmp_path: Path) -> None:
    cloud = own_cloud("--idle-minutes", "0.05")
    deploy_echo(cloud, tmp_path / "source")
    uri = cloud.service("echo")["uri"]
    assert httpx.get(f"{uri}/slow", params={"seconds": 4}, timeout=20).status_code == 200
    assert cloud.process.wait(20) == 0


def test_the_audit_is_on_disk_as_it_happens(own_cloud: StartCloud, tmp_path: Path) -> None:
    cloud = own_cloud()
    deploy_echo(cloud, tmp_path / "source")
    cloud.delete("echo")
    lines = [json.loads(line) for line in (cloud.home / "audit.jsonl").read_text().splitlines()]
    assert lines == cloud.get("/_local/audit")["entries"]
    assert [(line["action"], line["service"], line["revision"], line["status"]) for line in lines] == [
        ("build", "echo", None, 200),
        ("update_service", "echo", "echo-one", 200),
        ("delete_service", "echo", None, 200),
    ]
    assert lines[1]["method"] == "PATCH"
    assert lines[1]["path"] == "/v2/projects/demo/locations/europe-west1/services/echo"
