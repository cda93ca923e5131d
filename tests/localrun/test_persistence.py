"""What a server kept is there again in the next one: services, traffic, addresses and operations."""

import json
import shutil
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from netra_loop.localrun.http.wire import listen
from netra_loop.localrun.state.audit import LARGEST_FILE
from netra_loop.views.local_status import local_status
from tests.localrun.cloud import (
    PLACE,
    Cloud,
    service_body,
    start_server,
    to_latest,
    to_revision,
    until,
    write_echo_app,
)  # fmt: skip

StartCloud = Callable[..., Cloud]


def stop(cloud: Cloud) -> None:
    assert cloud.stop() == 0


def kill(cloud: Cloud) -> None:
    cloud.kill()


ENDS = pytest.mark.parametrize("end", [stop, kill], ids=["stopped", "killed"])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_echo_app(tmp_path / "source")


@pytest.fixture
def gate(tmp_path: Path, source: Path) -> Path:
    """A file without which no instance of the source starts."""
    gate = tmp_path / "gate"
    (source / "Procfile").write_text(f"web: sh -c 'until [ -e {gate} ]; do sleep 0.01; done; exec python app.py'\n")
    return gate


def image_of(cloud: Cloud, source: Path) -> str:
    return str(cloud.build(source)["reference"])


def answers(uri: str) -> str:
    return str(httpx.get(uri, timeout=10).json()["revision"])


@ENDS
def test_services_serve_as_before(own_cloud: StartCloud, source: Path, end: Callable[[Cloud], None]) -> None:
    first = own_cloud()
    image = image_of(first, source)
    first.deploy("shop", service_body(image, revision="shop-one"))
    split = [to_revision("shop-one", 100), to_latest(0, "next")]
    first.deploy("shop", service_body(image, revision="shop-two", env={"A": "b"}) | {"traffic": split})
    first.deploy("gone", service_body(image))
    first.delete("gone")
    operation = first.finish(first.patch("shop", {"labels": {"a": "b"}}, updateMask="labels"))
    before = first.service("shop")
    revisions = first.revisions("shop")
    end(first)

    second = own_cloud()
    assert second.url == first.url
    assert second.service("shop") == before
    assert second.revisions("shop") == revisions
    assert second.get(f"/v2/{operation['name']}") == operation
    assert [item["name"] for item in second.get(f"/v2/{PLACE}/services")["services"]] == [before["name"]]
    assert second.instances("shop") == {"shop-one": [], "shop-two": []}
    assert answers(before["uri"]) == "shop-one"
    assert answers(before["trafficStatuses"][1]["uri"]) == "shop-two"
    state = second.get("/_local/status")["state"]
    assert (state["restored"], state["damage"]) == (1, "")
    assert state["since"] < second.identity["started"]
    assert state["bytes"] > (second.home / "state.db").stat().st_size


@ENDS
def test_a_rollout_that_was_under_way_is_carried_out(
    own_cloud: StartCloud, source: Path, gate: Path, end: Callable[[Cloud], None]
) -> None:
    gate.touch()
    first = own_cloud()
    image = image_of(first, source)
    first.deploy("shop", service_body(image, revision="shop-one"))
    gate.unlink()
    begun = first.patch("shop", service_body(image, revision="shop-two", env={"A": "b"})).json()
    assert begun["done"] is False
    end(first)

    second = own_cloud()
    assert second.service("shop")["reconciling"] is True
    assert second.get(f"/v2/{begun['name']}") == begun
    gate.touch()
    operation = second.finish(second.http.get(f"/v2/{begun['name']}"))
    assert operation["response"]["latestReadyRevision"].endswith("/shop-two")
    assert answers(second.service("shop")["uri"]) == "shop-two"


def test_a_rollout_that_fails_after_a_restart_leaves_the_traffic_as_it_was(
    own_cloud: StartCloud, source: Path, gate: Path
) -> None:
    gate.touch()
    first = own_cloud()
    image = image_of(first, source)
    first.deploy("shop", service_body(image, revision="shop-one"))
    gate.unlink()
    begun = first.patch("shop", service_body(image, revision="shop-two", env={"CRASH": "3"})).json()
    first.kill()

    second = own_cloud()
    gate.touch()
    operation = second.finish(second.http.get(f"/v2/{begun['name']}"))
    assert "shop-two" in operation["error"]["message"]
    assert answers(second.service("shop")["uri"]) == "shop-one"


def test_a_deletion_that_was_under_way_is_carried_out(own_cloud: StartCloud, source: Path) -> None:
    first = own_cloud("--grace-seconds", "0.5")
    first.deploy("shop", service_body(image_of(first, source), env={"STUBBORN": "1"}))
    begun = first.http.delete(f"/v2/{PLACE}/services/shop").json()
    assert begun["done"] is False
    first.kill()

    second = own_cloud("--grace-seconds", "0.5")
    assert second.get("/_local/status")["services"] == []
    assert second.finish(second.http.get(f"/v2/{begun['name']}"))["response"]["name"] == f"{PLACE}/services/shop"


def test_a_port_that_is_taken_is_replaced_and_the_service_says_so(own_cloud: StartCloud, source: Path) -> None:
    first = own_cloud()
    before = first.deploy("shop", service_body(image_of(first, source), revision="shop-one"))["uri"]
    first.stop()
    with listen(int(before.rpartition(":")[2])), listen(int(first.url.rpartition(":")[2])):
        second = own_cloud()
    assert second.url != first.url
    after = second.service("shop")["uri"]
    assert after != before
    assert answers(after) == "shop-one"
    second.stop()
    assert second.process.stderr is not None
    told = second.process.stderr.read()
    assert f"port {before.rpartition(':')[2]} of {PLACE}/services/shop is taken, it is at {after} now\n" in told
    assert f"of the control plane is taken, it is at {second.url} now\n" in told


def test_a_state_that_cannot_be_read_does_not_hinder_the_next_server(own_cloud: StartCloud, source: Path) -> None:
    first = own_cloud()
    image = image_of(first, source)
    first.deploy("shop", service_body(image))
    first.stop()
    (first.home / "state.db").write_bytes(b"spoilt" * 1000)

    second = own_cloud()
    status = second.get("/_local/status")
    assert status["services"] == []
    assert status["state"]["damage"].startswith("state.db could not be read (file is not a database); it is kept as ")
    assert local_status(status).splitlines()[1] == status["state"]["damage"]
    second.deploy("shop", service_body(image))  # the images are still there


def test_a_service_keeps_no_more_revisions_than_allowed(own_cloud: StartCloud, source: Path) -> None:
    cloud = own_cloud("--most-revisions", "3")
    image = image_of(cloud, source)
    cloud.deploy("shop", service_body(image, revision="shop-0"))
    tagged = [to_latest(), to_revision("shop-0", 0, "first")]
    for number in range(1, 5):
        body = service_body(image, revision=f"shop-{number}", env={"NUMBER": str(number)})
        cloud.deploy("shop", body | {"traffic": tagged})
    names = sorted(item["name"].rpartition("/")[2] for item in cloud.revisions("shop"))
    assert names == ["shop-0", "shop-3", "shop-4"]
    assert set(cloud.instances("shop")) == set(names)


def test_images_that_nobody_needs_are_gone_with_the_next_start(own_cloud: StartCloud, source: Path) -> None:
    first = own_cloud()
    digests = []
    for version in ("used", "unused", "latest"):
        (source / "version").write_text(version)
        digests.append(first.build(source)["digest"])
        if version == "used":
            first.deploy("shop", service_body(f"local/echo@{digests[0]}"))
    first.stop()

    second = own_cloud()
    folders = {f"sha256:{folder.name}" for folder in (second.home / "images").iterdir() if folder.is_dir()}
    assert folders == {digests[0], digests[2]}


def test_a_project_can_be_moved_with_its_state(own_cloud: StartCloud, source: Path, tmp_path: Path) -> None:
    first = own_cloud()
    uri = first.deploy("shop", service_body(image_of(first, source), revision="shop-one"))["uri"]
    first.stop()
    shutil.move(first.home, tmp_path / "moved")
    own_cloud(home=tmp_path / "moved")
    assert answers(uri) == "shop-one"


def test_the_audit_file_does_not_grow_for_ever(own_cloud: StartCloud) -> None:
    cloud = own_cloud()
    audit = cloud.home / "audit.jsonl"
    audit.write_bytes(b"x" * LARGEST_FILE)
    cloud.create("Wrong", {})
    assert (cloud.home / "audit.jsonl.1").stat().st_size == LARGEST_FILE
    assert json.loads(audit.read_text())["status"] == 400


def test_what_it_keeps_is_for_its_owner_only(own_cloud: StartCloud, source: Path) -> None:
    cloud = own_cloud()
    image_of(cloud, source)
    assert stat.S_IMODE(cloud.home.stat().st_mode) == 0o700
    for name in ("state.db", "state.db-wal", "audit.jsonl", "server.json"):
        assert (name, stat.S_IMODE((cloud.home / name).stat().st_mode)) == (name, 0o600)


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    server = start_server(tmp_path / "link")
    _, words = server.communicate(timeout=20)
    problem = f"{tmp_path / 'link'} is a link, or not a folder of this user; give another"
    assert (server.returncode, words) == (1, f"cannot serve: {problem}\n")


def test_it_and_its_services_listen_on_loopback_only_after_a_restart_too(own_cloud: StartCloud, source: Path) -> None:
    first = own_cloud()
    first.deploy("shop", service_body(image_of(first, source)))
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    second = own_cloud()
    until(lambda: len(addresses_of(second.process.pid)) == 2, "control plane and service are listened for")
    assert set(addresses_of(second.process.pid)) == {"0100007F"}


def addresses_of(pid: int) -> list[str]:
    """The addresses on which a process listens, of IPv4 and IPv6, as the kernel writes them."""
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    lines = [line for name in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]]
    listening = [line.split() for line in lines if line.split()[3] == "0A"]
    return [fields[1].partition(":")[0] for fields in listening if f"socket:[{fields[9]}]" in links]
