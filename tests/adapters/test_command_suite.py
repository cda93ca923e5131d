"""Suites of any runner: what counts is the worst of exit code, report and what was seen on the network."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import pytest

from netra_loop.adapters import output
from netra_loop.adapters.address import Address
from netra_loop.adapters.cloudrun import CloudRun, ServiceState
from netra_loop.adapters.files import SessionFolder, State
from netra_loop.adapters.locks import reserved
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.suites.command_suite import CommandSuites
from netra_loop.adapters.suites.control import ControlRunner
from netra_loop.adapters.suites.control_cache import ControlCache
from netra_loop.adapters.suites.proxy import Passed, recording_proxy
from netra_loop.adapters.suites.rehearsal import CommandRehearsal
from netra_loop.adapters.suites.runner import SuitesRunner
from netra_loop.adapters.supervise import marked_processes
from netra_loop.core.events import ActEnded, Event
from netra_loop.core.outcome import Outcome, Proof, TestOutcome
from netra_loop.core.plan import Kind, Network, Phase, Step, Suite, SuiteRunner
from netra_loop.core.proof import Facts
from netra_loop.core.results import results_of
from netra_loop.core.seen import ControlSeen, Result, Share
from netra_loop.core.session import Session
from netra_loop.core.target import Target
from tests.adapters.silent import silent_witness
from tests.stories import Story, plan_of, step, usual_plan

from .servers import Running, answer, answering, tcp

GREEN = '<testsuite name="s" tests="2"><testcase name="a" time="0.1"/><testcase name="b"/></testsuite>'
RED = (
    '<testsuite name="s" tests="2"><testcase name="a"/><testcase name="b"><failure>no</failure></testcase></testsuite>'
)
NODE = """
import test from 'node:test';
import assert from 'node:assert';
import http from 'node:http';

function get(path) {
  return new Promise((done, failed) => http.get(process.env.BACKEND_URL + path, (answer) => {
    answer.resume().on('end', () => done(answer.statusCode));
  }).on('error', failed));
}

test('answers', async () => assert.equal(await get('/'), 200));
test('is right', async () => assert.equal(await get('/'), 200));
test('later', { skip: true }, () => {});
"""


class OneService:
    """Cloud Run as the runner of suites asks it."""

    def __init__(self, url: str) -> None:
        everything = (Share("backend-1", 100),)
        self._state = ServiceState("backend", url, everything, everything, "backend-1", False, "etag")

    def service(self, name: str) -> ServiceState:
        return self._state

    async def address(self, target: Target, service: ServiceState) -> Address:
        return Address(service.url, service.serving, service.generation)


@dataclass
class Commands:
    """A project with one suite of a command, and its session."""

    project: Path
    folder: SessionFolder
    state: State
    url: str
    story: Story = field(default_factory=lambda: Story(usual_plan()))

    def suite(
        self, *argv: str, report: str = "report.xml", timeout: float = 60.0, alone: bool = False, **settings: Any
    ) -> Suite:
        network = Network.ALONE if alone else Network.SHARED
        command = (SuiteRunner.COMMAND, network, argv, report)
        return Suite("shop", "Shop", "P1", "e2e", (), timeout, *command, targets=("backend",), **settings)

    def begin(self, suite: Suite) -> None:
        asked = replace(step(Kind.SUITE, "shop", step_id="shop"), timeout=suite.timeout)
        self.story = Story(plan_of(Phase("suites", "Suites", (asked,)), suites=(suite,))).begin().start("shop")

    async def go(self) -> Result:
        act = self.story.session.record("1/shop").act
        redactor = Redactor(("geheim-12345678",))
        suites = {SuiteRunner.COMMAND: CommandSuites(self.project, self.folder, self.state.locks, redactor)}
        cloud = cast(CloudRun, OneService(self.url))
        runner = SuitesRunner(cloud, suites, silent_witness(), self.project, self.folder, self.state.locks)
        result = await runner.run(act, self.story.session, self._say)
        self._say(ActEnded(act.id, result))
        assert not marked_processes(self.folder)
        return result

    def run(self, *argv: str, **settings: object) -> Result:
        self.begin(self.suite(*argv, **settings))  # type: ignore[arg-type]
        return anyio.run(self.go)

    def script(self, text: str, **settings: object) -> Result:
        """The same, with a script of the shell."""
        return self.run("/bin/sh", "-c", text, **settings)

    def python(self, text: str, **settings: object) -> Result:
        return self.run(sys.executable, "-c", text, **settings)

    def _say(self, event: Event) -> Session:
        return self.story.emit(event).session

    @property
    def e2e(self) -> Path:
        return self.project / "e2e"

    @property
    def ends(self) -> dict[str, TestOutcome]:
        session = self.story.session
        return {test.id: test.outcome for test in results_of(session, session.record("1/shop"))}

    @property
    def facts(self) -> Facts:
        session = self.story.session
        (facts,) = {test.facts for test in results_of(session, session.record("1/shop"))}
        assert facts is not None
        return facts

    @property
    def proofs(self) -> set[Proof | None]:
        session = self.story.session
        tests = results_of(session, session.record("1/shop"))
        return {test.proof for test in tests if test.outcome is TestOutcome.PASSED}


@pytest.fixture(scope="module")
def target() -> Iterator[Running]:
    with answering(answer("here")) as running:
        yield running


@pytest.fixture
def commands(tmp_path: Path, target: Running) -> Commands:
    project = tmp_path / "project"
    (project / "e2e").mkdir(parents=True)
    state = State(tmp_path / "state")
    state.prepare()
    (tmp_path / "session" / "artifacts").mkdir(parents=True)
    return Commands(project, SessionFolder(tmp_path / "session"), state, target.url)


def writes(text: str, then: str = "") -> str:
    return f"cat > report.xml <<'END'\n{text}\nEND\n{then}"


def test_a_report_is_told_test_by_test(commands: Commands) -> None:
    commands.script(writes(RED, "exit 1"))

    assert commands.ends == {"s::a": TestOutcome.PASSED, "s::b": TestOutcome.FAILED}


def test_a_suite_that_met_nobody_is_unproven(commands: Commands) -> None:
    result = commands.script(writes(GREEN))

    assert (result.outcome, result.reasons) == (Outcome.INCOMPLETE, ("unproven",))
    assert commands.facts == Facts()


LIES = {
    "exit 0 with failures": (writes(RED), Outcome.FAILED, ("disagreement", "failed_tests", "unproven"), 2),
    "exit 1 without one": (writes(GREEN, "exit 1"), Outcome.INCOMPLETE, ("disagreement", "unproven"), 2),
    "no report": ("exit 0", Outcome.ERRORED, ("not_started", "disagreement", "empty"), 0),
    "an empty report": (": > report.xml", Outcome.ERRORED, ("not_started", "disagreement", "empty"), 0),
    "a truncated report": (writes(GREEN[:70]), Outcome.INCOMPLETE, ("disagreement", "unproven"), 1),
    "fewer tests than the report declares": (
        writes(GREEN.replace('tests="2"', 'tests="3"')),
        Outcome.INCOMPLETE,
        ("disagreement", "unproven"),
        2,
    ),
    "a link to another report": (
        writes(GREEN, "mv report.xml other.xml; ln -s other.xml report.xml"),
        Outcome.ERRORED,
        ("not_started", "disagreement", "empty"),
        0,
    ),
    "a folder": ("mkdir report.xml", Outcome.ERRORED, ("not_started", "disagreement", "empty"), 0),
    "a pipe": ("mkfifo report.xml", Outcome.ERRORED, ("not_started", "disagreement", "empty"), 0),
    "a report of another day, put there": (
        writes(GREEN, "touch -d 2001-01-01 report.xml"),
        Outcome.ERRORED,
        ("not_started", "disagreement", "empty"),
        0,
    ),
    "a huge file": (
        "truncate -s 80M report.xml",
        Outcome.INCOMPLETE,
        ("disagreement", "empty"),
        0,
    ),
}


@pytest.mark.parametrize(("script", "outcome", "reasons", "count"), LIES.values(), ids=LIES)
def test_a_command_that_lies_is_never_a_pass(
    commands: Commands, script: str, outcome: Outcome, reasons: Sequence[str], count: int
) -> None:
    result = commands.script(script)

    assert (result.outcome, result.reasons) == (outcome, tuple(reasons))
    assert len(commands.ends) == count


def test_yesterday_s_report_is_gone_before_the_command_runs(commands: Commands) -> None:
    (commands.e2e / "report.xml").write_text(GREEN, encoding="utf-8")
    result = commands.script("test ! -e report.xml")

    assert result.reasons == ("not_started", "disagreement", "empty")
    assert result.seen and result.seen.exit_code == 0  # type: ignore[union-attr]


def test_a_link_that_was_left_is_removed_and_not_what_it_leads_to(commands: Commands) -> None:
    precious = commands.project / "precious"
    precious.write_text("kept", encoding="utf-8")
    (commands.e2e / "report.xml").symlink_to(precious)
    commands.script(writes(GREEN))

    assert (precious.read_text("utf-8"), len(commands.ends)) == ("kept", 2)


def test_a_place_that_cannot_be_cleared_is_an_error(commands: Commands) -> None:
    (commands.e2e / "report.xml").mkdir()
    result = commands.script("exit 0")

    assert result.outcome is Outcome.ERRORED
    assert "no report can be written" in result.evidence[-1].excerpt


def test_a_report_that_another_session_is_writing_is_not_read(commands: Commands) -> None:
    async def go() -> Result:
        async with reserved(commands.state.locks, commands.e2e / "report.xml", "another-session", 1.0):
            return await commands.go()

    (commands.e2e / "report.xml").write_text(GREEN, encoding="utf-8")
    commands.begin(commands.suite("/bin/sh", "-c", "exit 0", timeout=0.2))
    result = anyio.run(go)

    assert (result.outcome, commands.ends) == (Outcome.ERRORED, {})
    assert "report report.xml is held by session another-session" in result.evidence[-1].excerpt
    assert (commands.e2e / "report.xml").read_text("utf-8") == GREEN


def test_what_was_written_before_a_command_hangs_is_kept(commands: Commands) -> None:
    result = commands.script(writes(GREEN[:70], "sleep 100"), timeout=1.0)

    assert (result.outcome, "timed_out" in result.reasons) == (Outcome.INCOMPLETE, True)
    assert len(commands.ends) == 1


def test_a_daemon_that_a_command_leaves_is_named(commands: Commands) -> None:
    result = commands.script(writes(GREEN, "setsid sleep 100 >/dev/null 2>&1 &"))

    assert (result.outcome, "left_processes" in result.reasons) == (Outcome.ERRORED, True)


def test_a_report_may_be_the_standard_output(commands: Commands) -> None:
    commands.script(f"echo '{RED}'; exit 1", report="-")

    assert commands.ends == {"s::a": TestOutcome.PASSED, "s::b": TestOutcome.FAILED}


def test_an_output_that_is_cut_between_two_tests_is_no_whole_report(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = [f'{{"Action":"pass","Package":"p","Test":"T{number:03}"}}\n' for number in range(300)]
    monkeypatch.setattr(output, "OUTPUT_CAP", len(tests[0]))
    (commands.e2e / "events").write_text("".join(tests) + '{"Action":"pass","Package":"p"}\n', encoding="utf-8")
    result = commands.script("cat events", report="-")

    assert (result.outcome, result.reasons) == (Outcome.INCOMPLETE, ("disagreement", "unproven"))
    assert "the output is longer than what is kept" in result.evidence[-1].excerpt


def test_secrets_are_masked_in_the_names_of_tests(commands: Commands) -> None:
    commands.script(writes(GREEN.replace('name="a"', 'name="geheim-12345678"')))

    assert not any("geheim" in name for name in commands.ends)


def test_secrets_are_masked_in_the_names_of_a_test_s_properties(commands: Commands) -> None:
    told = '"><properties><property name="geheim-12345678" value="1"/></properties></testcase>'
    commands.script(writes(GREEN.replace('"/>', told)))
    tests = results_of(commands.story.session, commands.story.session.record("1/shop"))

    assert [dict(test.properties) for test in tests] == [{"[masked]": "1"}] * 2


def test_a_command_is_given_what_every_suite_is(commands: Commands) -> None:
    commands.script("env > seen; " + writes(GREEN))
    seen = dict(line.split("=", 1) for line in (commands.e2e / "seen").read_text("utf-8").splitlines() if "=" in line)

    assert (seen["BACKEND_URL"], seen["NETRA_LOOP_SUITE"]) == (commands.url, "shop")
    assert seen["HTTP_PROXY"] == seen["https_proxy"] and seen["HTTP_PROXY"].startswith("http://127.0.0.1:")


CLIENT = f"""
import os, urllib.request
proxy = urllib.request.ProxyHandler({{"http": os.environ["HTTP_PROXY"]}})
urllib.request.build_opener(proxy).open(os.environ["BACKEND_URL"], timeout=20).read()
open("report.xml", "w").write('''{GREEN}''')
"""


def test_the_proxy_saw_the_target_s_answer(commands: Commands) -> None:
    commands.python(CLIENT)

    assert commands.facts.suite_bytes_in > 50
    assert (commands.facts.instruments, commands.proofs) == (("proxy",), {Proof.UNPROVEN})


def test_whom_else_a_suite_asks_is_named_and_speaks_against_nothing(commands: Commands, target: Running) -> None:
    with answering(answer("elsewhere")) as other:
        commands.python(CLIENT.replace('os.environ["BACKEND_URL"]', repr(other.url)))

    handle = commands.story.session.record("1/shop").handle
    assert handle["asked others"] == other.url.removeprefix("http://")
    assert commands.proofs == {Proof.UNPROVEN}


def test_a_proxy_that_the_suite_names_itself_stays(commands: Commands) -> None:
    says = "import os; open('said', 'w').write(os.environ['HTTP_PROXY'] + os.environ['HTTPS_PROXY'][:17])"
    commands.python(says, env={"HTTP_PROXY": "http://127.0.0.1:1"})

    assert (commands.e2e / "said").read_text(encoding="utf-8") == "http://127.0.0.1:1http://127.0.0.1:"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_a_suite_of_node_is_seen_by_the_kernel(commands: Commands) -> None:
    (commands.e2e / "shop.test.mjs").write_text(NODE, encoding="utf-8")
    reporter = ("--test-reporter=junit", "--test-reporter-destination=report.xml")
    result = commands.run("node", "--test", *reporter, "shop.test.mjs", alone=True)

    assert sorted(end.value for end in commands.ends.values()) == ["passed", "passed", "skipped"]
    assert (result.outcome, result.reasons) == (Outcome.INCOMPLETE, ("skipped_tests", "unproven"))
    if "kernel" in commands.facts.instruments:
        assert commands.facts.suite_bytes_in > 100


HONEST = """
import os, urllib.request
try:
    ended = "" if urllib.request.urlopen(os.environ["BACKEND_URL"], timeout=20).read() == b"here" else "<failure/>"
except OSError as error:
    ended = "<failure/>"
cases = f'<testcase name="meets it">{ended}</testcase><testcase name="meets nobody"/>'
open("report.xml", "w").write(f'<testsuite name="s">{cases}</testsuite>')
raise SystemExit(bool(ended))
"""


def test_a_control_says_which_tests_of_a_command_notice_their_target(commands: Commands) -> None:
    suite = commands.suite(sys.executable, "-c", HONEST)
    control = replace(Step.of_control(suite), timeout=60.0)
    story = Story(plan_of(Phase("control", "Control", (control,)), suites=(suite,))).begin().start(control.id)
    rehearse = CommandRehearsal(CommandSuites(commands.project, commands.folder, commands.state.locks, Redactor()))
    cache = ControlCache(commands.state.control)
    runner = ControlRunner(None, {SuiteRunner.COMMAND: rehearse}, commands.project, commands.folder, cache)
    act = story.session.record(f"1/{control.id}").act
    seen = anyio.run(runner.run, act, story.session, lambda event: story.session).seen

    assert isinstance(seen, ControlSeen)
    assert seen.dead == seen.sabotaged == {"s::meets it": TestOutcome.FAILED, "s::meets nobody": TestOutcome.PASSED}


async def _stopped(commands: Commands) -> Result:
    """The suite's result when it is stopped as soon as it has written its report."""
    result: list[Result] = []

    async def run(scope: anyio.CancelScope) -> None:
        with scope:
            result.append(await commands.go())

    async with anyio.create_task_group() as tasks:
        scope = anyio.CancelScope()
        tasks.start_soon(run, scope)
        while not (commands.e2e / "written").exists():
            await anyio.sleep(0.01)
        scope.cancel()
    return result[0]


def test_a_command_that_is_stopped_keeps_what_it_wrote(commands: Commands) -> None:
    commands.begin(commands.suite("/bin/sh", "-c", writes(GREEN[:70], "touch written; sleep 100"), alone=True))
    result = anyio.run(_stopped, commands)

    assert (result.outcome, "stopped" in result.reasons) == (Outcome.INCOMPLETE, True)
    assert len(commands.ends) == 1


async def _through(asked: str) -> tuple[int, Passed]:
    async with recording_proxy() as proxy, httpx.AsyncClient(proxy=proxy.variables["HTTP_PROXY"]) as client:
        status = (await client.get(asked)).status_code
        return status, proxy.passed


def test_the_proxy_counts_by_host_and_port(target: Running) -> None:
    peer = target.url.removeprefix("http://")
    status, passed = anyio.run(_through, f"{target.url}/path?x=1")

    assert status == 200
    assert (passed.came_from((peer,)), passed.others((peer,))) == (len(answer("here")), ())
    assert (passed.came_from(()), passed.others(("another:80",))) == (0, (peer,))
    assert "GET /path?x=1 HTTP/1.1" in target.asked[-1]
    assert passed.bytes_out[peer] == len(target.asked[-1])


async def _connect(peer: str) -> tuple[bytes, Passed]:
    async with recording_proxy() as proxy:
        port = int(proxy.variables["HTTP_PROXY"].rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(f"CONNECT {peer} HTTP/1.1\r\n\r\n".encode())
            told = await stream.receive()
            if b" 200 " in told:
                await stream.send(b"hello")
                told += await stream.receive()
        return told, proxy.passed


def _echo(connection: socket.socket, running: Running) -> None:
    connection.sendall(connection.recv(100).upper())


def test_a_tunnel_carries_both_ways_and_is_counted() -> None:
    with tcp(_echo) as running:
        peer = running.url.removeprefix("http://")
        told, passed = anyio.run(_connect, peer)

    assert told.endswith(b"\r\n\r\nHELLO")
    assert (passed.bytes_in, passed.bytes_out) == ({peer: 5}, {peer: 5})


def test_a_target_that_refuses_is_told_as_such() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        peer = f"127.0.0.1:{nobody.getsockname()[1]}"
        told, _ = anyio.run(_connect, peer)

    assert told.startswith(b"HTTP/1.1 502 ")
