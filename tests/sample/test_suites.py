"""The sample's suites pass against the platform without a fault, and each fault fails exactly its own tests."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from .staging import NOWHERE, Staging
from .suite_process import SUITES, Endings, run_suites

FIRST, *OTHERS = SUITES  # the first has a process of its own, for it meets another suite while both run
DISTURBED = OTHERS[:3]


@dataclass(frozen=True)
class Fault:
    """What is set wrong, and what that fails: each test with the words that must be in its text."""

    backend: dict[str, str]
    fails: dict[str, str]


AGENT_LIMIT = Fault(
    backend={"AGENT_TIMEOUT": "1.0", "REPORT_LATENCY": "1.6"},
    fails={
        "p1-critical::test_013_agent_execution_real": "'agent_failed' == 'agent_completed'",
        "p1-critical::test_014_tool_execution_real": "'agent_failed' == 'agent_completed'",
        "p1-critical::test_024_concurrent_agent_runs_real": "'agent_failed' != 'agent_completed'",
        "p1-critical::test_025_golden_path_real": "'agent_failed' == 'agent_completed'",
        "agent-pipeline::test_real_agent_pipeline_execution": "'agent_failed' == 'agent_completed'",
        "message-flow::test_real_websocket_message_flow": "'agent_failed' == 'agent_completed'",
    },
)
STORE_ADDRESS = Fault(
    backend={"SESSION_STORE": NOWHERE},
    fails={
        "p1-critical::test_006_dependency_health_real": "'failed' == 'connected'",
        "p1-critical::test_015_session_persistence_real": "503 session_store_unavailable",
        "websocket-events::test_health_check": "{'sessions': 'failed'} == {'sessions': 'connected'}",
    },
)
SHARED_USER = Fault(
    backend={},
    fails={
        "p1-critical::test_002_websocket_authentication_real": "'code': 'session_ended'",
        "p1-critical::test_003_websocket_message_send_real": "Refused: 401 session_ended",
    },
)
FAULTS = [AGENT_LIMIT, STORE_ADDRESS, SHARED_USER]  # each alone is a whole session of the day


def run_side_by_side(others: list[str], folder: Path, addresses: dict[str, str], *, shared_user: bool) -> Endings:
    """How each test of the first suite and of the others ended, run at once, with one user or one for each side."""
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run_suites, [FIRST], folder, addresses, "account")
        rest = pool.submit(run_suites, others, folder, addresses, "account" if shared_user else "another")
        return first.result() | rest.result()


def count(endings: Endings) -> dict[str, int]:
    """How many tests each suite has, in the order of running."""
    counts: dict[str, int] = {}
    for name in endings:
        suite = name.partition("::")[0]
        counts[suite] = counts.get(suite, 0) + 1
    return counts


def not_passed(endings: Endings) -> dict[str, str]:
    """The outcome of each test that did not pass."""
    return {name: ending.outcome for name, ending in endings.items() if ending.outcome != "passed"}


@pytest.fixture(scope="module")
def faultless(staging: Staging, tmp_path_factory: pytest.TempPathFactory) -> Endings:
    return run_side_by_side(OTHERS, tmp_path_factory.mktemp("none"), staging.addresses, shared_user=False)


def test_without_a_fault_every_test_of_every_suite_passes(faultless: Endings) -> None:
    assert count(faultless) == SUITES
    assert not_passed(faultless) == {}


def test_a_suite_does_not_need_its_peer(staging: Staging, tmp_path: Path) -> None:
    found = run_suites(["websocket-events"], tmp_path, staging.addresses, "account", patience_s="0.1")
    assert (len(found), not_passed(found)) == (5, {})


def test_critical_tests_are_numbered_without_a_gap(faultless: Endings) -> None:
    numbers = [name.split("_")[1] for name in faultless if name.startswith("p1-critical::")]
    assert numbers == [f"{number:03}" for number in range(1, 26)]


def test_the_faults_fail_their_own_tests_and_no_others_and_say_why(staging: Staging, tmp_path: Path) -> None:
    settings = {name: value for fault in FAULTS for name, value in fault.backend.items()}
    texts = {name: text for fault in FAULTS for name, text in fault.fails.items()}
    with staging.with_backend(tmp_path, **settings) as system:
        found = run_side_by_side(DISTURBED, tmp_path, system.addresses, shared_user=True)
    assert sum(count(found).values()) == 41
    assert not_passed(found) == dict.fromkeys(texts, "failure")
    assert {name: text for name, text in texts.items() if text not in found[name].text} == {}
