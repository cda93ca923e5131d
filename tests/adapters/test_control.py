"""A suite is run without its target: what still passes is named, nothing reaches the target, and once is enough."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest

from netra_loop.adapters.address import Address
from netra_loop.adapters.cloudrun import ServiceState
from netra_loop.adapters.files import SessionFolder, State
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.suites.control import ControlRunner, Services
from netra_loop.adapters.suites.control_cache import ControlCache, digest
from netra_loop.adapters.suites.pytest_suite import PytestSuites
from netra_loop.adapters.suites.rehearsal import PytestRehearsal
from netra_loop.core.control import StillPassing, still_passing
from netra_loop.core.environment import Users
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.plan import Phase, Step, Suite, SuiteRunner
from netra_loop.core.seen import ControlSeen, Result, Share
from netra_loop.core.target import Target
from tests.stories import START, Story, plan_of

from .servers import Running, answer, request, tcp

SUITE = Suite(
    "shop",
    "Shop",
    "P1",
    "e2e",
    ("test_shop.py",),
    60.0,
    SuiteRunner.PYTEST,
    args=("-x", "--tb=line"),  # a suite that stops at its first failure is controlled whole all the same
    env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    targets=("backend",),
)

TESTS = """
import json, os, subprocess, sys, urllib.error, urllib.request
import pytest

def get(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)

def test_honest():
    assert get(os.environ["BACKEND_URL"] + "/items")["items"] == [1, 2, 3]

def test_that_takes_any_answer():
    try:
        get(os.environ["BACKEND_URL"])
    except urllib.error.HTTPError as refused:
        assert isinstance(refused.code, int)

def test_with_data_of_its_own():
    assert {"status": "healthy"}["status"] == "healthy"

def test_that_skips_itself():
    pytest.skip("not today")

def test_with_a_broken_fixture(nobody_made_it):
    pass

def test_with_an_address_in_its_code():
    assert get("REAL/items")["items"] == [1, 2, 3]

def test_with_a_child_that_has_the_address():
    child = "import urllib.request as u; u.urlopen('REAL/items', timeout=20)"
    subprocess.run([sys.executable, "-c", child], check=True, capture_output=True)

def test_knows_who_it_is():
    assert os.environ["NETRA_LOOP_USER"] == "first" and os.environ["NETRA_LOOP_TIMEOUT_HTTP"] == "20"
"""

HONEST = """
import os, urllib.request

def test_it():
    assert urllib.request.urlopen(os.environ["BACKEND_URL"], timeout=20).status == 200
"""


class OneService:
    """A project in which one service runs, at one URL, with a candidate at the same."""

    def __init__(self, url: str) -> None:
        self._state = ServiceState("backend", url, (), (Share("r-1", 100, "ntl-1", url),), "r-1", False, "e")

    def service(self, name: str) -> ServiceState | None:
        return self._state if name == "backend" else None

    async def address(self, target: Target, service: ServiceState) -> Address:
        return Address(service.url, service.serving, service.generation)


class Unreachable:
    """A project that cannot be asked."""

    def service(self, name: str) -> ServiceState | None:
        raise ConnectionError("no route")


@dataclass
class Controls:
    """A project with one suite, and sessions that control it."""

    project: Path
    state: State
    cloud: Services | None = None
    suite: Suite = SUITE
    timeout: float = 120.0
    folder: SessionFolder | None = None

    def write(self, text: str, name: str = "test_shop.py") -> None:
        path = self.project / "e2e" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    @property
    def cache(self) -> ControlCache:
        return ControlCache(self.state.control)

    @property
    def kept(self) -> list[Path]:
        return sorted(self.state.control.glob("*"))

    def run(self) -> Result:
        """The suite's control, in a session of its own."""
        steps = (replace(Step.of_control(self.suite), timeout=self.timeout),)
        plan = plan_of(Phase("control", "Control", steps), suites=(self.suite,))
        environment = replace(plan.environment, users=Users(("first", "second")), timeouts={"http": 20.0})
        story = Story(replace(plan, environment=environment)).begin().start("control-shop")
        folder = self.folder = self.state.new_session("control", START)
        redactor = Redactor(("geheim-12345678",))
        suites = PytestSuites(self.project, folder, self.state, redactor)
        rehearse = {SuiteRunner.PYTEST: PytestRehearsal(suites, self.project, folder, redactor)}
        runner = ControlRunner(self.cloud, rehearse, self.project, folder, self.cache)
        act = story.session.record("1/control-shop").act
        return anyio.run(runner.run, act, story.session, lambda event: story.session)


def seen_in(result: Result) -> ControlSeen:
    assert isinstance(result.seen, ControlSeen), result
    return result.seen


def controls_in(path: Path, compiled: Path) -> Controls:
    state = State(path / ".netra-loop")
    state.prepare()
    state.pycache.symlink_to(compiled)
    return Controls(path, state)


@pytest.fixture
def controls(tmp_path: Path, compiled: Path) -> Controls:
    return controls_in(tmp_path, compiled)


@dataclass(frozen=True)
class Told:
    """The control of a suite of many kinds of tests, and the real target beside it."""

    result: Result
    session: Path
    controls: Controls
    real: Running


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[Told]:
    with tcp(_answer_and_count) as real:
        controls = controls_in(tmp_path_factory.mktemp("controls"), compiled)
        controls.cloud = OneService(real.url)
        controls.write(TESTS.replace("REAL", real.url))
        result = controls.run()
        assert controls.folder is not None
        yield Told(result, controls.folder.path, controls, real)


def _answer_and_count(connection: socket.socket, running: Running) -> None:
    running.asked.append("a connection")
    request(connection, running)
    connection.sendall(answer({"items": [1, 2, 3]}))


def test_every_test_that_still_passes_is_named(told: Told) -> None:
    assert (told.result.outcome, told.result.reasons) == (Outcome.FAILED, ("3 tests still pass",))
    assert still_passing(seen_in(told.result)) == (
        StillPassing("test_shop.py::test_knows_who_it_is", ("dead", "sabotaged")),
        StillPassing("test_shop.py::test_that_takes_any_answer", ("sabotaged",)),
        StillPassing("test_shop.py::test_with_data_of_its_own", ("dead", "sabotaged")),
    )


def test_what_still_passes_is_kept_as_evidence(told: Told) -> None:
    evidence = told.result.evidence[0]
    kept = (told.session / evidence.ref).read_text(encoding="utf-8")

    assert kept.splitlines() == evidence.excerpt.splitlines()
    assert kept.splitlines()[1] == "test_shop.py::test_that_takes_any_answer passes against: sabotaged"


def test_every_other_test_has_its_end(told: Told) -> None:
    seen = seen_in(told.result)
    ends = {test.partition("::")[2]: (end, seen.sabotaged[test]) for test, end in seen.dead.items()}
    failed = TestOutcome.FAILED

    assert len(ends) == 8
    assert ends["test_honest"] == (failed, failed)
    assert ends["test_with_an_address_in_its_code"] == (failed, failed)
    assert ends["test_with_a_child_that_has_the_address"] == (failed, failed)
    assert ends["test_with_a_broken_fixture"] == (TestOutcome.ERROR, TestOutcome.ERROR)
    assert ends["test_that_skips_itself"] == (TestOutcome.SKIPPED, TestOutcome.SKIPPED)


def test_nothing_reached_the_real_target(told: Told) -> None:
    assert told.real.asked == []


def test_the_same_tests_are_not_run_again(told: Told) -> None:
    again = told.controls.run()

    assert (again.outcome, again.reasons) == (told.result.outcome, told.result.reasons)
    assert again.seen == replace(seen_in(told.result), cached=True)
    assert [each.title for each in again.evidence] == ["tests of shop that still pass"]


def test_tests_that_changed_are_run_again(controls: Controls) -> None:
    controls.write(HONEST)
    first = controls.run()
    controls.write("def test_it(): pass\n")
    second = controls.run()

    assert (first.outcome, second.outcome) == (Outcome.PASSED, Outcome.FAILED)
    assert (seen_in(first).cached, seen_in(second).cached) == (False, False)
    assert seen_in(first).digest != seen_in(second).digest
    assert len(controls.kept) == 2


def test_what_was_kept_and_is_broken_is_replaced(controls: Controls) -> None:
    controls.write(HONEST)
    key = digest(SUITE, replace(plan_of().environment, timeouts={"http": 20.0}), controls.project)
    kept = controls.state.control / f"shop-{key}.json"
    kept.parent.mkdir()
    kept.write_text('{"dead": {"test_shop.py::test_it": "pas', encoding="utf-8")
    result = controls.run()

    assert (result.outcome, seen_in(result).cached, seen_in(result).digest) == (Outcome.PASSED, False, key)
    assert json.loads(kept.read_bytes())["dead"] == {"test_shop.py::test_it": "failed"}


def test_a_control_that_times_out_tells_what_it_knows_and_is_not_kept(controls: Controls) -> None:
    controls.write("import time\n\ndef test_a(): assert False\n\ndef test_b(): time.sleep(600)\n\ndef test_c(): pass\n")
    controls.timeout = 12.0
    result = controls.run()

    assert (result.outcome, result.reasons) == (Outcome.INCOMPLETE, ("dead: timed_out", "sabotaged: timed_out"))
    assert seen_in(result).dead == {
        "test_shop.py::test_a": TestOutcome.FAILED,
        "test_shop.py::test_b": TestOutcome.TIMEOUT,
    }
    assert controls.kept == []


def test_a_suite_that_cannot_be_collected_is_an_error_and_not_kept(controls: Controls) -> None:
    controls.write("import nothing_of_that_name\n")
    result = controls.run()

    assert result.outcome is Outcome.ERRORED
    assert result.reasons == ("dead: collection_error", "sabotaged: collection_error")
    assert "nothing_of_that_name" in result.evidence[0].excerpt
    assert controls.kept == []


def test_where_the_real_targets_cannot_be_known_nothing_is_run(controls: Controls) -> None:
    controls.write(HONEST)
    controls.cloud = Unreachable()
    result = controls.run()

    assert (result.outcome, result.seen) == (Outcome.ERRORED, None)
    assert "finding the targets that must not be met" in result.reasons[0]


def test_secrets_in_names_are_masked(controls: Controls) -> None:
    controls.write(
        "import pytest\n\n@pytest.mark.parametrize('t', ['geheim-12345678'])\ndef test_it(t): assert not t\n"
    )

    (name,) = seen_in(controls.run()).dead
    assert name.startswith("test_shop.py::test_it[")
    assert "geheim" not in name + controls.kept[0].read_text(encoding="utf-8")


@pytest.fixture
def still(controls: Controls) -> Controls:
    controls.write(HONEST)
    return controls


def key_of(controls: Controls, suite: Suite = SUITE, **timeouts: float) -> str:
    return digest(suite, replace(plan_of().environment, timeouts=timeouts), controls.project)


def test_the_digest_holds_while_nothing_changes(still: Controls) -> None:
    before = key_of(still)
    still.write("compiled", "seen.log")

    assert key_of(still) == before


OTHERS = {
    "arguments": replace(SUITE, args=("-v",)),
    "a variable": replace(SUITE, env={**SUITE.env, "MODE": "strict"}),
    "paths": replace(SUITE, paths=("test_shop.py::test_it",)),
    "targets": replace(SUITE, targets=("backend", "auth")),
    "the interpreter": replace(SUITE, python="sh"),
}


@pytest.mark.parametrize("suite", OTHERS.values(), ids=OTHERS)
def test_the_digest_knows(still: Controls, suite: Suite) -> None:
    assert key_of(still, suite) != key_of(still)


@pytest.mark.parametrize("name", ["uv.lock", "requirements.txt", "requirements-dev.txt", "pyproject.toml"])
def test_the_digest_knows_what_the_tests_depend_on(still: Controls, name: str) -> None:
    before = key_of(still)
    (still.project / name).write_text("httpx==0.28.1\n", encoding="ascii")

    assert key_of(still) != before


def test_the_digest_knows_what_is_taken_from_our_environment(still: Controls, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = replace(SUITE, env={"API_MODE": None})
    before = key_of(still, suite)
    monkeypatch.setenv("API_MODE", "strict")

    assert key_of(still, suite) != before


def test_the_digest_knows_the_timeouts(still: Controls) -> None:
    assert key_of(still, http=20.0) != key_of(still, http=5.0)


def test_what_was_kept_can_be_forgotten(still: Controls) -> None:
    first, second = (ControlSeen(suite, "d" * 32, False, {}, {}) for suite in ("shop", "shop-events"))
    for seen in (first, second):
        still.cache.keep(seen)
    still.cache.forget("shop")

    assert still.cache.find("shop", "d" * 32) is None
    assert still.cache.find("shop-events", "d" * 32) == replace(second, cached=True)


ALONE_WITH_ITSELF = """
import os, time

def test_that_cannot_run_twice_at_once():
    os.close(os.open("taken", os.O_CREAT | os.O_EXCL))
    time.sleep(0.5)
    os.unlink("taken")
    assert False, "it noticed"
"""


def test_a_suite_that_holds_something_alone_is_not_controlled_twice_at_once(tmp_path: Path, compiled: Path) -> None:
    controls = controls_in(tmp_path, compiled)
    controls.suite = replace(SUITE, exclusive=("taken",))
    controls.write(ALONE_WITH_ITSELF)
    result = controls.run()
    outputs = [(controls.folder.path / each.ref).read_text() for each in result.evidence if controls.folder]

    assert result.outcome is Outcome.PASSED
    assert [("it noticed" in text, "FileExistsError" in text) for text in outputs] == [(True, False)] * 2
