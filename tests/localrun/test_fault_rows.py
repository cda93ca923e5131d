"""A deploy and a promote on bad days of Cloud Run: rows G4 to G8, G10 and G14 of the table of faults, by their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from netra_loop.adapters import cloudlogs, http, shifting
from netra_loop.adapters.cloudrun import CloudRun
from netra_loop.adapters.deploy import DeployRunner
from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.prechecks import Prechecks
from netra_loop.adapters.publish import ApiPublisher
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.remedies.code import Sources
from netra_loop.adapters.remedies.workbench import Workbench
from netra_loop.adapters.traffic import ShiftRunner
from netra_loop.core.agenda import FOREIGN_CHANGE
from netra_loop.core.events import Event, Ticked
from netra_loop.core.logs import LogsSeen
from netra_loop.core.names import tag_of
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Suite
from netra_loop.core.seen import Deployed, Result, TrafficShifted
from netra_loop.core.selection import Collection
from netra_loop.core.session import Session
from netra_loop.core.target import Identity, Target
from netra_loop.core.traffic import percents
from tests.localrun.cloud import Cloud, service_body, to_latest, to_revision
from tests.stories import Story, usual_plan


async def nothing_collected(suites: Sequence[Suite]) -> Sequence[Collection]:
    return ()


@dataclass
class Deploying:
    """One session that deploys and promotes a service, act by act."""

    cloud: Cloud
    name: str
    image: str
    folder: Path

    def __post_init__(self) -> None:
        target = Target("backend", self.name, image=self.image, identity=Identity(pointer="/revision"), local=True)
        plan = usual_plan()
        environment = replace(plan.environment, project="demo", region="europe-west1", targets=(target,))
        self.story = Story(replace(plan, environment=environment)).begin()
        self.runs = CloudRun(environment, self.cloud.url)
        folder = SessionFolder(self.folder / "session")
        folder.artifacts.mkdir(parents=True)
        prechecks = Prechecks(self.folder, folder, Redactor(), nothing_collected)
        publisher = ApiPublisher(self.runs, None, self.folder)
        sources = Sources(Workbench(self.folder, folder))
        self.deployer = DeployRunner(self.runs, publisher, prechecks, sources, self.folder, folder)

    def say(self, event: Event) -> Session:
        return self.story.emit(event).session

    def deploy(self, timeout: float = 20.0, *, again: bool = False) -> Result:
        """Deploy; again: the same act a second time, as after a resume."""
        if not again:
            self.story.start("deploy-backend")
        act = replace(self.story.session.record("1/deploy-backend").act, timeout=timeout)
        return anyio.run(self.deployer.run, act, self.story.session, self.say)

    def promote(self, deployed: Result) -> Result:
        if "1/promote-backend" not in self.story.session.iterations[0].acts:
            self.story.end("deploy-backend", deployed.outcome, seen=deployed.seen).start("promote-backend")
        act = self.story.session.record("1/promote-backend").act
        return anyio.run(ShiftRunner(self.runs).run, act, self.story.session, self.say)

    @property
    def traffic(self) -> dict[str, int]:
        service = self.runs.service(self.name)
        assert service is not None
        return percents(service.effective)

    def arm(self, kind: str, times: int = 1, **more: str) -> None:
        body = {"kind": kind, "service": self.name, "times": times, **more}
        answer = self.cloud.http.post("/_local/faults", json=body, headers=self.cloud.token)
        assert answer.status_code == 200, answer.text

    def clear(self) -> None:
        self.cloud.http.delete("/_local/faults", headers=self.cloud.token)


@pytest.fixture
def deploying(cloud: Cloud, echo: str, name: str, tmp_path: Path) -> Iterator[Deploying]:
    """A service with an old revision, and a session that deploys the next one."""
    cloud.deploy(name, service_body(echo, revision=f"{name}-old"))
    found = Deploying(cloud, name, echo, tmp_path)
    yield found
    found.clear()


def made(result: Result) -> Deployed:
    assert result.outcome is Outcome.PASSED, result.reasons
    assert isinstance(result.seen, Deployed)
    return result.seen


def pinned(deploying: Deploying) -> None:
    deploying.arm("pinned-traffic")


def split(deploying: Deploying) -> None:
    body = service_body(deploying.image, revision=f"{deploying.name}-other")
    lines = [to_revision(f"{deploying.name}-old", 50), to_revision(f"{deploying.name}-other", 50)]
    deploying.cloud.deploy(deploying.name, body | {"traffic": lines})


def nothing(deploying: Deploying) -> None:
    """Traffic that goes to the latest."""


BEFORE = {"pinned": (pinned, True), "split": (split, True), "latest": (nothing, False)}


@pytest.mark.parametrize(("before", "is_pinned"), BEFORE.values(), ids=BEFORE)
def test_g4_whatever_the_traffic_was_a_promote_serves_the_new_revision_and_nothing_else(
    deploying: Deploying, before: Callable[[Deploying], None], is_pinned: bool
) -> None:
    before(deploying)
    deployed = deploying.deploy()
    new = made(deployed).revision
    assert new not in deploying.traffic, "a candidate gets none"
    assert made(deployed).pinned is is_pinned

    promoted = deploying.promote(deployed)

    assert (promoted.outcome, deploying.traffic) == (Outcome.PASSED, {new: 100})
    assert isinstance(promoted.seen, TrafficShifted)
    assert promoted.seen.answers == 3


def test_g4_an_instance_of_the_old_revision_that_still_answers_is_waited_for(deploying: Deploying) -> None:
    deployed = deploying.deploy()
    deploying.arm("stale-instance", delay="0.5s")

    assert deploying.promote(deployed).outcome is Outcome.PASSED


def test_g4_an_old_revision_that_goes_on_to_answer_is_no_promotion(
    deploying: Deploying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "IDENTITY_PATIENCE", 2.0)
    deployed = deploying.deploy()
    deploying.arm("stale-instance", delay="60s")

    promoted = deploying.promote(deployed)

    assert promoted.outcome is Outcome.FAILED
    assert f"named {deploying.name}-old, not {made(deployed).revision}" in promoted.reasons[0]


def test_g5_an_answer_that_was_lost_makes_no_second_revision(deploying: Deploying) -> None:
    deploying.arm("dropped-answer")
    deployed = made(deploying.deploy())

    assert [each["name"].rpartition("/")[2] for each in deploying.cloud.revisions(deploying.name)] == [
        deployed.revision,
        f"{deploying.name}-old",
    ]


def test_g6_a_revision_of_somebody_else_under_our_name_is_left_alone(deploying: Deploying) -> None:
    key = deploying.story.start("deploy-backend").session.record("1/deploy-backend").act.key
    tag = tag_of(f"{key}\n{deploying.image}")
    revision = f"{deploying.name}-{tag}"
    deploying.cloud.deploy(deploying.name, service_body(deploying.image, revision=revision, labels={"by": "another"}))

    result = deploying.deploy(again=True)

    told = f"revision {revision} exists and is not ours"
    assert (result.outcome, result.reasons) == (Outcome.ERRORED, (FOREIGN_CHANGE, told))
    assert deploying.traffic == {revision: 100}, "as they left it"


def _path(deploying: Deploying, revision: str) -> str:
    return f"/v2/projects/demo/locations/europe-west1/services/{deploying.name}/revisions/{revision}"


def test_g7_an_operation_that_never_ends_is_given_up_in_time_and_what_it_made_is_adopted(deploying: Deploying) -> None:
    deploying.arm("stuck-operation", delay="3600s")
    result = deploying.deploy(timeout=1.5)
    assert (result.outcome, result.reasons) == (Outcome.ERRORED, ("timed_out",))

    again = made(deploying.deploy(again=True))

    assert again.adopted
    assert len(deploying.cloud.revisions(deploying.name)) == 2


def test_g7_a_shift_whose_operation_never_ends_is_found_done_the_next_time(
    deploying: Deploying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shifting, "SHIFT_TIMEOUT", 1.5)
    deployed = deploying.deploy()
    deploying.arm("stuck-operation", delay="3600s")

    assert deploying.promote(deployed).outcome is Outcome.ERRORED
    assert deploying.promote(deployed).outcome is Outcome.PASSED
    assert deploying.traffic == {made(deployed).revision: 100}


@pytest.mark.parametrize(("kind", "delay"), [("late-ready", "0.5s"), ("stale-reads", "0.5s")])
def test_g8_a_revision_that_is_late_or_read_from_behind_is_waited_for(
    deploying: Deploying, kind: str, delay: str
) -> None:
    deploying.arm(kind, delay=delay)
    deployed = made(deploying.deploy())
    assert deployed.candidate_url != deployed.url


def test_g8_a_revision_that_is_never_ready_is_named_and_gets_nothing(deploying: Deploying) -> None:
    deploying.arm("never-ready")
    result = deploying.deploy()

    assert result.outcome is Outcome.FAILED
    assert " is not ready: " in result.reasons[0]
    assert deploying.traffic == {f"{deploying.name}-old": 100}


def test_g10_what_others_have_set_stays_and_traffic_is_explicit(deploying: Deploying) -> None:
    template = service_body(deploying.image, env={"KEPT": "no"})["template"]
    template["containers"][0]["resources"] = {"limits": {"memory": "1Gi", "cpu": "2"}}
    template["timeout"] = "77s"
    deploying.cloud.finish(deploying.cloud.patch(deploying.name, {"template": template, "traffic": [to_latest()]}))
    serving = next(iter(deploying.traffic))

    new = made(deploying.deploy()).revision

    revision = deploying.cloud.get(_path(deploying, new))
    assert revision["containers"][0]["resources"]["limits"]["memory"] == "1Gi"
    assert revision["timeout"] == "77s"
    assert deploying.traffic == {serving: 100}, "and the new one got nothing by itself"


@pytest.mark.parametrize("kind", ["unavailable", "too-many-requests"])
def test_g14_a_busy_api_is_asked_again_and_a_quota_that_stays_used_up_is_an_error_with_advice(
    deploying: Deploying, kind: str
) -> None:
    deploying.arm(kind, times=2)
    deployed = deploying.deploy()
    made(deployed)

    deploying.arm(kind, times=1000)
    refused = deploying.promote(deployed)

    assert refused.outcome is Outcome.ERRORED
    assert refused.reasons[0].endswith("(a quota is used up; wait, or ask for more)" if "many" in kind else "now)")


@pytest.mark.parametrize(
    ("delay", "patience", "outcome"), [("0.5s", 15.0, Outcome.PASSED), ("60s", 0.5, Outcome.ERRORED)]
)
def test_g14_log_entries_that_come_late_are_waited_for_and_none_are_never_no_errors(
    deploying: Deploying, monkeypatch: pytest.MonkeyPatch, delay: str, patience: float, outcome: Outcome
) -> None:
    monkeypatch.setattr(cloudlogs, "LATE", patience)
    deploying.arm("late-logs", times=1000, delay=delay)
    deployed = deploying.deploy()
    result = logs_of(deploying, deployed, datetime.now(UTC))

    assert result.outcome is outcome
    assert result.reasons == (() if outcome is Outcome.PASSED else ("no_entries",))


def test_what_was_written_after_the_recorded_window_is_not_read(
    deploying: Deploying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloudlogs, "LATE", 0.5)
    before = datetime.now(UTC)
    result = logs_of(deploying, deploying.deploy(), before)

    assert isinstance(result.seen, LogsSeen)
    assert (result.outcome, result.reasons, result.seen.count) == (Outcome.ERRORED, ("no_entries",), 0)
    since, until = result.seen.window.split("/")
    assert until == f"{before:%Y-%m-%dT%H:%M:%S.%fZ}"
    assert f'timestamp>="{since}" AND timestamp<="{until}"' in result.seen.query
    logs = cloudlogs.CloudLogs(deploying.story.session.plan.environment, deploying.cloud.url)
    later = result.seen.query.replace(until, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}")
    assert logs.entries(later, 1), "the same question up to now finds it"


def logs_of(deploying: Deploying, deployed: Result, at: datetime) -> Result:
    """What the step `logs` finds that begins at a moment."""
    story = deploying.story.end("deploy-backend", deployed.outcome, seen=deployed.seen)
    story.emit(Ticked(), after=(at - story.session.at).total_seconds() - 1.0).start("logs-backend")
    logs = cloudlogs.CloudLogs(story.session.plan.environment, deploying.cloud.url)
    reader = cloudlogs.LogsRunner(deploying.runs, logs, SessionFolder(deploying.folder / "session"), Redactor())
    return anyio.run(reader.run, story.session.record("1/logs-backend").act, story.session, deploying.say)
