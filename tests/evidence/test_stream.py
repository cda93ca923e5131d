"""The stream tells the truth however the suite ends, whoever else runs in it."""

from __future__ import annotations

import platform
from collections.abc import Callable

import pytest

from .conftest import Servers
from .suites import Suite, Told

DYING = """
import os, signal

def test_before(): assert True
def test_dying(): {death}
def test_after(): assert True
"""


def test_the_first_line_says_who_speaks_and_what_it_watches(told: Callable[..., Told], servers: Servers) -> None:
    hello = told("def test_it(): assert True").lines[0]

    assert hello == {
        "kind": "hello",
        "nonce": "a-nonce",
        "version": 1,
        "python": platform.python_version(),
        "pytest": pytest.__version__,
        "asserts": "counted",
        "optimised": False,
        "xdist": False,
        "instruments": ["python", "kernel"],
        "targets": {target: [target] for target in servers.targets},
    }


def test_targets_are_resolved_at_the_start_and_one_without_an_address_says_so(suite: Suite) -> None:
    suite.write("test_it.py", "")
    resolved = {
        "[::1]:8080": ["[::1]:8080"],
        "[::ffff:127.0.0.1]:80": ["127.0.0.1:80"],
        "nowhere.invalid:443": [],
    }

    assert suite.run(targets=list(resolved)).the("hello")["targets"] == resolved


@pytest.mark.parametrize("death", ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(0)"], ids=["killed", "exits"])
def test_a_suite_that_dies_keeps_every_finished_test_and_the_one_it_died_in(
    told: Callable[..., Told], death: str
) -> None:
    run = told(DYING.format(death=death))

    assert run.kinds == ["hello", "collected", "collection_ended", "started", "result", "started"]
    assert run.outcomes() == [("test_before", "passed")]
    assert run.lines[-1]["id"] == "test_it.py::test_dying"


def test_a_forked_child_that_runs_on_adds_nothing(told: Callable[..., Told]) -> None:
    run = told("""
        import os

        def test_forks():
            child = os.fork()
            assert child == 0 or os.waitpid(child, 0)

        def test_after(): assert True
    """)

    assert run.outcomes() == [("test_forks", "passed"), ("test_after", "passed")]
    assert run.result("test_forks")["facts"]["children"] == 1
    assert run.kinds.count("ended") == 1


def test_a_test_that_closes_every_descriptor_does_not_silence_the_stream(told: Callable[..., Told]) -> None:
    run = told(
        """
        import os

        def test_closes():
            os.closerange(3, 100)
            assert [os.open("other.txt", os.O_CREAT | os.O_WRONLY) for _ in range(50)]

        def test_after():
            assert not os.path.getsize("other.txt")
    """,
        "-s",
    )

    assert run.outcomes() == [("test_closes", "passed"), ("test_after", "passed")]
    assert run.the("ended")["exit"] == 0


def test_what_a_suite_puts_in_the_place_of_clock_system_and_json_does_not_silence_the_stream(
    told: Callable[..., Told],
) -> None:
    run = told("""
        import json, os
        from unittest import mock
        import pytest

        json.dumps = lambda *_, **__: b"bytes, as faster ones give"

        @pytest.fixture(scope="module", autouse=True)
        def replaced():
            with mock.patch("time.time"), mock.patch("os.getpid"), mock.patch("os.write"), mock.patch("os.listdir"):
                os.listdir.return_value = ["no-number"]
                yield

        def test_first(): assert True
        def test_second(): assert True
    """)

    assert run.outcomes() == [("test_first", "passed"), ("test_second", "passed")], run.output


def test_a_disk_that_fills_up_spoils_one_line_and_not_the_next(suite: Suite, told: Callable[..., Told]) -> None:
    run = told(
        """
        import os, resource

        def test_fills():
            room = os.path.getsize(os.environ["WATCHED"]) + 20
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

        def test_frees():
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    """,
        "-s",
        env={"WATCHED": str(suite.stream)},
    )

    assert run.exit_code == 0
    assert run.kinds[3:] == ["started", "torn", "result", "ended"]
    assert run.outcomes() == [("test_frees", "passed")]


def test_a_test_that_changes_directory_does_not_move_the_stream(suite: Suite) -> None:
    suite.write("test_it.py", "import os\ndef test_it(tmp_path): os.chdir(tmp_path); os.closerange(3, 100)\n")
    run = suite.run("-s", env={"NETRA_LOOP_EVIDENCE_STREAM": f"../{suite.stream.name}"})

    assert run.kinds[-1] == "ended"


def test_a_pytest_session_started_by_a_test_stays_out_of_the_stream(told: Callable[..., Told]) -> None:
    run = told("""
        import pathlib, pytest, subprocess, sys

        def test_outer():
            pathlib.Path("test_inner.py").write_text("def test_inner(): assert True")
            command = ["-p", "netra_loop_evidence", "-p", "no:cacheprovider", "test_inner.py"]
            assert pytest.main(command) == 0
            assert subprocess.run([sys.executable, "-m", "pytest", *command]).returncode == 0
    """)

    assert run.outcomes() == [("test_outer", "passed")]
    assert run.kinds.count("hello") == 1


def test_without_a_stream_the_plugin_does_nothing(suite: Suite) -> None:
    suite.write(
        "test_it.py",
        """
        import socket

        def test_it():
            assert "recv" not in vars(socket.socket)
    """,
    )
    run = suite.run_without_stream()

    assert run.exit_code == 0, run.output
    assert run.lines == []


def test_targets_that_are_no_list_stop_the_suite_at_once(suite: Suite) -> None:
    suite.write("test_it.py", "def test_it(): assert True")
    run = suite.run(env={"NETRA_LOOP_EVIDENCE_TARGETS": '"staging.test:443"'})

    assert run.exit_code == pytest.ExitCode.USAGE_ERROR
    assert "NETRA_LOOP_EVIDENCE_TARGETS must be a JSON list of host:port" in run.output
    assert run.lines == []


def test_workers_tell_each_test_once_with_its_facts(told: Callable[..., Told]) -> None:
    run = told(
        """
        import os, pytest, urllib.request

        @pytest.mark.parametrize("number", range(6))
        def test_it(number):
            with urllib.request.urlopen("http://" + os.environ["TARGET"]) as answer:
                assert answer.read() == b"ok"
    """,
        "-p",
        "xdist.plugin",
        "-n2",
    )
    ids = [f"test_it.py::test_it[{number}]" for number in range(6)]

    assert run.the("hello")["xdist"] is True
    assert run.the("collected")["ids"] == ids
    assert (run.the("collection_ended")["count"], run.the("collection_ended")["deselected"]) == (6, None)
    assert sorted(line["id"] for line in run.of_kind("started")) == ids
    assert sorted(line["id"] for line in run.of_kind("result")) == ids
    assert all(line["facts"]["bytes_in"] > 0 and line["facts"]["asserts_after"] == 1 for line in run.of_kind("result"))


def test_a_worker_that_dies_leaves_an_error_without_facts(told: Callable[..., Told]) -> None:
    run = told(DYING.format(death="os._exit(0)"), "-p", "xdist.plugin", "-n1", "--max-worker-restart=0")
    result = run.result("test_dying")

    assert (result["outcome"], result["duration_s"], result["facts"]) == ("error", None, None)
    assert "crashed while running 'test_it.py::test_dying'" in result["message"]
