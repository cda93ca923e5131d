"""What a killed server leaves behind is gone before the next one serves, and nothing else is touched."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netra_loop.localrun.runtime.launch import MARK
from netra_loop.localrun.runtime.orphans import end_orphans
from tests.localrun.cloud import Cloud, is_alive, service_body, until, write_echo_app

StartCloud = Callable[..., Cloud]
SLEEP = "import time; print('up', flush=True); time.sleep(60)"


def family_of(pid: int) -> set[int]:
    """A process and everything below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {pid}.union(*(family_of(int(child)) for child in children))


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def deploy(cloud: Cloud, source: Path, **env: str) -> int:
    """Deploy the echo app; returns the process id of its instance, which has a grandchild of its own session."""
    image = cloud.build(write_echo_app(source))["reference"]
    cloud.deploy("shop", service_body(image, revision="shop-one", env={"ORPHAN": "1", **env}))
    return int(cloud.instances("shop")["shop-one"][0]["pid"])


def test_instances_of_a_killed_server_are_gone_before_the_next_serves(own_cloud: StartCloud, tmp_path: Path) -> None:
    first = own_cloud("--grace-seconds", "0.5")
    family = family_of(parent_of(deploy(first, tmp_path / "source", STUBBORN="1")))
    assert len(family) == 3  # the supervisor, the service and its child
    first.kill()
    own_cloud("--grace-seconds", "0.5")
    assert [pid for pid in family if is_alive(pid)] == []


@pytest.mark.parametrize("variables", [{}, {MARK: "another"}], ids=["as it is", "under a mark of its own"])
def test_what_lost_its_supervisor_too_is_gone_before_the_next_serves(
    own_cloud: StartCloud, tmp_path: Path, variables: dict[str, str]
) -> None:
    first = own_cloud()
    instance = deploy(first, tmp_path / "source", **variables)
    supervisor = parent_of(instance)
    (grandchild,) = family_of(instance) - {instance}
    os.kill(supervisor, signal.SIGSTOP)  # else it would end its command before it is killed itself
    first.kill()
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not is_alive(instance), "the kernel has ended the service")
    assert is_alive(grandchild)
    own_cloud()
    assert not is_alive(grandchild)


def test_a_supervisor_that_does_nothing_is_killed_after_the_grace(own_cloud: StartCloud, tmp_path: Path) -> None:
    first = own_cloud()
    family = family_of(parent_of(deploy(first, tmp_path / "source")))
    os.kill(min(family), signal.SIGSTOP)
    first.kill()
    own_cloud("--grace-seconds", "0.1")
    assert [pid for pid in family if is_alive(pid)] == []


@pytest.fixture
def sleeper() -> Iterator[Callable[[str], "subprocess.Popen[bytes]"]]:
    """Starts a process with a mark."""
    started: list[subprocess.Popen[bytes]] = []

    def start(mark: str) -> "subprocess.Popen[bytes]":
        environment = os.environ | {MARK: mark}
        process = subprocess.Popen([sys.executable, "-c", SLEEP], stdout=subprocess.PIPE, env=environment)
        assert process.stdout is not None
        process.stdout.readline()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_only_what_carries_the_mark_is_killed(sleeper: Callable[[str], "subprocess.Popen[bytes]"]) -> None:
    mark = f"test-{os.getpid()}-{time.monotonic_ns()}"
    ours, others, longer = sleeper(mark), sleeper("other"), sleeper(f"{mark}0")
    end_orphans(mark, grace=0)
    assert ours.wait(5) == -signal.SIGKILL
    assert (others.poll(), longer.poll()) == (None, None)


def test_who_carries_the_mark_himself_does_not_end_himself(tmp_path: Path) -> None:
    mark = f"test-{os.getpid()}-{time.monotonic_ns()}"
    script = f"from netra_loop.localrun.runtime.orphans import end_orphans; end_orphans({mark!r}, 0)"
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | {MARK: mark}, timeout=20, check=False)
    assert done.returncode == 0
