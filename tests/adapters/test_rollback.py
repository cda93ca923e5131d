"""Going back to a revision: which one, what is looked at first, what goes wrong, what others have set meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import anyio
import pytest

from netra_loop.adapters.cloudrun import CloudRun
from netra_loop.adapters.leftovers import our_tags, remove_tags
from netra_loop.adapters.rollback import RollbackRunner
from netra_loop.adapters.traffic import ShiftRunner
from netra_loop.core.environment import Environment
from netra_loop.core.errors import UsageError
from netra_loop.core.events import Act, Event, GoodRevision, HandleKnown, Quarantined, SessionResumed
from netra_loop.core.goodness import Ledger
from netra_loop.core.outcome import Outcome
from netra_loop.core.rollback import aimed, rollback_plan
from netra_loop.core.seen import Result, TrafficShifted
from netra_loop.core.session import Session
from netra_loop.core.target import HealthCheck, Identity, Target
from netra_loop.core.traffic import percents
from netra_loop.wiring.rollback import Wish, going_back
from netra_loop.wiring.sessions import Known
from tests.localrun.cloud import PLACE, Cloud, service_body, to_latest, to_revision, until, write_echo_app
from tests.stories import Story, deployed, usual_plan

NUMBERS = itertools.count(1)
BROKEN = {"unhealthy": "is not healthy at http", "deleted": "does not exist", "never ready": "is not ready: "}
Say = Callable[[Event], Session]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    server = Cloud(tmp_path_factory.mktemp("cloud"), "--grace-seconds", "1")
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def echo(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(cloud.build(write_echo_app(tmp_path_factory.mktemp("echo")))["reference"])


@dataclass
class Service:
    """A service with an old and a new revision; the new one serves."""

    cloud: Cloud
    name: str
    image: str

    @property
    def old(self) -> str:
        return f"{self.name}-old"

    @property
    def new(self) -> str:
        return f"{self.name}-new"

    @property
    def target(self) -> Target:
        check = HealthCheck("/", expect={"/version": "good"}, consecutive=2, interval=0.01, deadline=1.0)
        return Target("backend", self.name, health=check, identity=Identity(pointer="/revision"), local=True)

    @property
    def runs(self) -> CloudRun:
        return CloudRun(Environment("local", "embedded", "demo", "europe-west1", ()), self.cloud.url)

    @property
    def traffic(self) -> dict[str, int]:
        """What serves, by the revisions' last words."""
        service = self.runs.service(self.name)
        assert service is not None
        return {name.removeprefix(f"{self.name}-"): percent for name, percent in percents(service.effective).items()}

    @property
    def asked(self) -> list[dict[str, Any]]:
        """What was asked of its traffic, as the API has it."""
        lines: list[dict[str, Any]] = self.cloud.service(self.name)["traffic"]
        return lines

    @property
    def tags(self) -> list[str]:
        service = self.runs.service(self.name)
        assert service is not None
        return [share.tag for share in service.effective if share.tag]

    def deploy(self, revision: str, version: str, **labels: str) -> None:
        body = service_body(self.image, env={"VERSION": version}, revision=revision, labels=labels)
        self.cloud.deploy(self.name, body | {"traffic": [to_revision(revision, 100)]})

    def breaks(self, what: str) -> None:
        """Have the old revision be no good."""
        path = f"/v2/{PLACE}/services/{self.name}/revisions/{self.old}"
        self.cloud.finish(self.cloud.http.delete(path))
        if what != "deleted":
            image = "nothing:1" if what == "never ready" else self.image
            body = service_body(image, env={"VERSION": "bad"}, revision=self.old)
            self.cloud.finish(self.cloud.patch(self.name, body | {"traffic": [to_revision(self.new, 100)]}))

    def shift(self, *traffic: dict[str, object]) -> None:
        self.cloud.finish(self.cloud.patch(self.name, {"traffic": list(traffic)}, updateMask="traffic"))

    def arm(self, kind: str, times: int = 1) -> None:
        body = {"kind": kind, "service": self.name, "times": times}
        answer = self.cloud.http.post("/_local/faults", json=body, headers=self.cloud.token)
        assert answer.status_code == 200, answer.text

    def clear(self) -> None:
        """Have nothing go wrong any more."""
        self.cloud.http.delete("/_local/faults", headers=self.cloud.token)


def deployed_twice(cloud: Cloud, image: str) -> Service:
    found = Service(cloud, f"back{next(NUMBERS)}", image)
    found.deploy(found.old, "good", **{"netra-loop-commit": "a" * 40})
    found.deploy(found.new, "good", **{"netra-loop-commit": "b" * 40})
    return found


@pytest.fixture(scope="module")
def shared(cloud: Cloud, echo: str) -> Service:
    return deployed_twice(cloud, echo)


@pytest.fixture
def service(shared: Service) -> Iterator[Service]:
    """The service that all tests share; the next one finds the new revision serving again."""
    yield shared
    shared.clear()
    shared.shift(to_revision(shared.new, 100))


@pytest.fixture(scope="module", params=BROKEN)
def broken(cloud: Cloud, echo: str, request: pytest.FixtureRequest) -> tuple[Service, str]:
    """A service whose old revision is no good, and what is said of it."""
    found = deployed_twice(cloud, echo)
    found.breaks(request.param)
    return found, BROKEN[request.param]


class Rolling:
    """A session that rolls the service back to its old revision, event by event as the loop would."""

    def __init__(self, service: Service, target: Target | None = None) -> None:
        environment = Environment("local", "embedded", "demo", "europe-west1", (target or service.target,))
        plan = replace(usual_plan(), environment=environment)
        aim = {"backend": service.old}
        self.service = service
        self.story = Story(aimed(rollback_plan(plan, environment.targets), aim)).begin().start("rollback-backend")

    @property
    def act(self) -> Act:
        return self.story.session.record("1/rollback-backend").act

    @property
    def act_said(self) -> Mapping[str, str]:
        return self.story.session.record("1/rollback-backend").handle

    def say(self, event: Event) -> Session:
        return self.story.emit(event).session

    def go(self, say: Say | None = None) -> Result:
        return anyio.run(RollbackRunner(self.service.runs).run, self.act, self.story.session, say or self.say)


def restored(service: Service) -> Result:
    """What comes of restoring the old revision after the new one was promoted and did not pass."""
    environment = Environment("local", "embedded", "demo", "europe-west1", (service.target,))
    story = Story(replace(usual_plan(), environment=environment)).begin()
    seen = replace(deployed(previous=service.old, revision=service.new), service=service.name)
    story.does("deploy-backend", seen=seen).promotes(Outcome.FAILED).start("restore-backend")
    act = story.session.record("1/restore-backend").act
    return anyio.run(ShiftRunner(service.runs).run, act, story.session, lambda event: story.emit(event).session)


def shifted(result: Result) -> TrafficShifted:
    assert isinstance(result.seen, TrafficShifted), result
    return result.seen


def test_all_traffic_goes_back_by_name_once_the_revision_was_seen_alone(service: Service) -> None:
    service.shift(to_revision(service.new, 100), to_revision(service.new, 0, "theirs"))
    rolling = Rolling(service)
    result = rolling.go()

    assert (result.outcome, result.reasons, service.traffic) == (Outcome.PASSED, (), {"old": 100})
    assert service.tags == ["theirs"]
    seen = shifted(result)
    assert (seen.revision, seen.answers, percents(seen.traffic_before)) == (service.old, 3, {service.new: 100})
    assert seen.checked.startswith("healthy 2 times in a row at http://127.0.0.1:")
    assert seen.commits == {service.new: "b" * 40}
    handles = [each.event.handle for each in rolling.story.entries if isinstance(each.event, HandleKnown)]
    first = next(number for number, handle in enumerate(handles) if "traffic_before" in handle)
    assert all("operation" not in handle for handle in handles[: first + 1]), "told before anything is changed"


@pytest.mark.parametrize("act", ["rollback", "restore"])
def test_g11_a_revision_that_is_not_good_gets_nothing_and_keeps_no_tag(broken: tuple[Service, str], act: str) -> None:
    service, said = broken
    result = Rolling(service).go() if act == "rollback" else restored(service)

    assert (result.outcome, result.reasons[1]) == (Outcome.FAILED, "nothing was shifted")
    assert said in result.reasons[0]
    assert (service.traffic, service.tags) == ({"new": 100}, [])


FAULTS = {
    "a conflict, again and again": ("rollback", "conflict", 2),
    "the API is not available": ("rollback", "unavailable", 2),
    "carried out, and the answer is lost": ("rollback", "dropped-answer", 2),
    "a restore that was carried out, and the answer is lost": ("restore", "dropped-answer", 1),
}


@pytest.mark.parametrize(("act", "kind", "times"), FAULTS.values(), ids=FAULTS)
def test_g12_what_passes_is_tried_again_after_a_look(service: Service, act: str, kind: str, times: int) -> None:
    service.arm(kind, times)
    result = Rolling(service).go() if act == "rollback" else restored(service)

    assert (result.outcome, result.reasons, service.traffic, service.tags) == (Outcome.PASSED, (), {"old": 100}, [])
    assert not service.cloud.get("/_local/faults")["faults"], "all of them were met"


REFUSALS = {
    "a conflict without end": ("conflict", 50, "someone else changed it at the same time"),
    "credentials that have expired": ("expired-token", 50, "`gcloud auth application-default login`"),
}


@pytest.mark.parametrize(("kind", "times", "advice"), REFUSALS.values(), ids=REFUSALS)
def test_g12_what_does_not_pass_ends_it_with_what_the_api_said(
    service: Service, kind: str, times: int, advice: str
) -> None:
    service.arm(kind, times)
    result = Rolling(service).go()
    service.clear()

    assert (result.outcome, service.traffic) == (Outcome.ERRORED, {"new": 100})
    assert advice in result.reasons[0]


def test_where_no_health_is_declared_an_answer_will_do(service: Service) -> None:
    rolling = Rolling(service, replace(service.target, health=None, identity=None))

    assert (rolling.go().outcome, service.traffic) == (Outcome.PASSED, {"old": 100})
    assert "HTTP 200 at /, no health check is declared" in rolling.act_said["checked"]


def test_traffic_that_somebody_else_moves_meanwhile_is_left_alone(service: Service) -> None:
    rolling = Rolling(service)

    def say(event: Event) -> Session:
        if isinstance(event, HandleKnown) and "command" in event.handle:
            service.shift(to_revision(service.new, 60), to_revision(service.old, 40))
        return rolling.say(event)

    result = rolling.go(say)

    assert (result.outcome, result.reasons[0]) == (Outcome.ERRORED, "foreign_change")
    assert service.traffic == {"new": 60, "old": 40}


class Died(BaseException):
    """What ends a process at once."""


DEATHS = {
    "nothing was done": ("traffic_before", 1),
    "the tag was chosen": ("tag", 1),
    "the tag was set": ("operation", 1),
    "the revision was seen to be good": ("checked", 1),
    "the traffic was shifted": ("operation", 2),
}


@pytest.mark.parametrize(("handle", "times"), DEATHS.values(), ids=DEATHS)
def test_wherever_it_dies_the_next_try_ends_at_the_same_place(service: Service, handle: str, times: int) -> None:
    rolling = Rolling(service)
    heard: list[str] = []

    def die(event: Event) -> Session:
        session = rolling.say(event)
        heard.extend(event.handle if isinstance(event, HandleKnown) else ())
        if heard.count(handle) == times:
            raise Died
        return session

    with pytest.raises(BaseException):  # noqa: B017 - a task group may wrap it
        rolling.go(die)
    if times == 2:
        until(lambda: service.traffic == {"old": 100}, "the shift is in effect")
    rolling.story.emit(SessionResumed("resume last")).start("rollback-backend")
    result = rolling.go()

    assert (result.outcome, service.traffic, service.tags) == (Outcome.PASSED, {"old": 100}, [])
    assert percents(shifted(result).traffic_before) == {service.new: 100}
    assert shifted(result).checked


def test_what_serves_already_is_only_verified(service: Service) -> None:
    service.shift(to_revision(service.old, 100))
    before = service.cloud.service(service.name)["etag"]
    result = Rolling(service).go()

    assert (result.outcome, shifted(result).answers) == (Outcome.PASSED, 3)
    assert service.cloud.service(service.name)["etag"] == before


def test_our_tags_go_and_everything_else_of_the_traffic_stays(service: Service) -> None:
    service.shift(to_latest(60, "ntl-a"), to_revision(service.old, 40, "ntl-b"), to_revision(service.old, 0, "ntl-c"))
    service.shift(*service.asked, to_revision(service.old, 0, "theirs"))
    tags = anyio.run(our_tags, service.runs, service.target)
    anyio.run(remove_tags, service.runs, service.target, tags)

    assert tags == ("ntl-a", "ntl-b", "ntl-c")
    kept = [(each.get("percent", 0), each.get("tag"), each["type"].rpartition("_")[2]) for each in service.asked]
    assert kept == [(60, None, "LATEST"), (40, None, "REVISION"), (0, "theirs", "REVISION")]


def chosen(service: Service, wish: Wish, ledger: Ledger) -> str:
    """The revision that a wish comes to; its last word."""
    environment = Environment("local", "embedded", "demo", "europe-west1", (service.target,))
    plan = rollback_plan(replace(usual_plan(), environment=environment), environment.targets)
    (step,) = going_back(wish)(Known(plan, service.cloud.url, None, ledger)).steps
    return step.revision.removeprefix(f"{service.name}-")


def test_the_newest_that_is_proven_good_and_does_not_serve_is_chosen(service: Service) -> None:
    known = Ledger(tuple(GoodRevision("backend", name, "", "s1") for name in (service.new, service.old, "gone")))

    assert chosen(service, Wish(), known) == "old"
    assert chosen(service, Wish(to="gone"), known) == "gone", "whoever proved it may have been wrong since"
    service.shift(to_revision(service.old, 100))
    assert chosen(service, Wish(), known) == "new"


REFUSED = {
    "nothing is proven": (Wish(), "nothing to go back to for backend", "proven good of backend: nothing, by any"),
    "there is no such revision": (Wish(to="back-x"), "backend has no revision back-x", "proven good of backend: "),
    "nobody proved it": (Wish(to="OLD"), "OLD was never proven good by a session here", "say --unproven to go there"),
    "it was rolled back": (Wish(to="NEW"), "NEW was rolled back by session s2", "say --unproven to go there"),
}


@pytest.mark.parametrize(("wish", "message", "hint"), REFUSED.values(), ids=REFUSED)
def test_a_wish_that_leads_nowhere_is_refused(service: Service, wish: Wish, message: str, hint: str) -> None:
    names = {"OLD": service.old, "NEW": service.new}
    wish = replace(wish, to=names.get(wish.to, wish.to))
    known = Ledger((), (Quarantined("backend", "", service.new, "s2"),))
    with pytest.raises(UsageError) as refused:
        chosen(service, wish, known)

    for word, name in names.items():
        message = message.replace(word, name)
    assert (refused.value.message, refused.value.hint.startswith(hint)) == (message, True)
    if wish.to in names.values():
        assert chosen(service, replace(wish, unproven=True), known) == wish.to.removeprefix(f"{service.name}-")
