"""Which remedies may be applied and why others may not, and what those that were applied change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from netra_loop.core.environment import RemedyMode, UserMode, Users
from netra_loop.core.events import Git, SessionResumed
from netra_loop.core.knowledge import RemedyKind
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.plan import Kind, Phase, Plan
from netra_loop.core.problem import Receipt, Remedy
from netra_loop.core.remediation import (
    answer_to,
    applied,
    changes_of,
    chosen,
    code_of,
    considered,
    image_of,
    is_agreed,
    is_to_be_asked,
    mode_of,
    proposed,
    resources_of,
    to_verify,
    tried,
    user_mode,
    variables_of,
)
from netra_loop.core.resources import Setting
from netra_loop.core.session import cured, diagnosed
from netra_loop.core.target import Dependency
from tests.stories import (
    BACKEND,
    FRONTEND,
    Story,
    knowing,
    leasing,
    named,
    patching,
    plan_of,
    raising,
    step,
    suite,
    usual_plan,
)

WORSE = {"a": TestOutcome.FAILED, "b": TestOutcome.FAILED}
RED = {"a": TestOutcome.FAILED, "b": TestOutcome.PASSED}
ONE = raising("r1", "p1::a")
OTHER = raising("r2", "p1::b", after="3.3", variable="OTHER_LIMIT")
BOTH = raising("r2", "p1::a", "p1::b", after="3.3")
LEASING = leasing("r1", "p1::a")
TWO_USERS = Users(("u1", "u2"), UserMode.SHARED)

BACK = replace(patching("r1", "p1::a", kind=RemedyKind.ROLLBACK, after="image@sha256:aa"), variable="image")

OFF = "remedies are off"
CODE_OR_IMAGE = "changed code and an earlier image cannot be deployed together: the other goes first"
EARLIER_IMAGE = "an earlier image is deployed, which a change of the code does not reach"
SPENT = "the remedies of the budget are spent"
AFTER_ANOTHER = "another remedy for some of the same tests goes first"
AGAIN = "it was tried before and its tests are red again"
LAST = "no iteration is left to verify it in"
NOT_DEPLOYED = "backend is not deployed in this session"
NO_COMMIT = "the project has no commit of git, and code is only changed in a copy of one"
DIRTY = "the project's commit does not hold all that is deployed, so code can only be changed after a commit"
REFUSAL = "the work takes longer than the cap allows"


def plan(mode: RemedyMode = RemedyMode.APPLY, *, iterations: int = 3, remedies: int = 10) -> Plan:
    return knowing(usual_plan(iterations), mode, remedies=remedies, users=TWO_USERS)


def with_mode(mode: RemedyMode, kind: RemedyKind = RemedyKind.PATCH) -> Plan:
    """A plan that applies remedies, in an environment that allows less for one kind."""
    environment = replace(plan().environment, remedy_modes={kind.value: mode})
    return replace(plan(), environment=environment)


def reasons(story: Story) -> dict[str, str]:
    """Every remedy of the newest iteration, and why it is not to be applied."""
    return {remedy.id: reason for remedy, reason in considered(story.session, story.session.iterations[-1])}


def diagnosed_with(*remedies: Remedy, mode: RemedyMode = RemedyMode.APPLY, **budget: int) -> Story:
    return Story(plan(mode, **budget)).runs(WORSE).diagnoses(*remedies)


def second(*remedies: Remedy, budget: int = 10) -> Story:
    """The second iteration's diagnosis, after the first applied ONE."""
    story = Story(plan(remedies=budget)).runs(WORSE).diagnoses(ONE).cures("r1")
    return story.runs(RED, verifies={"p1": RED}, changes=("r1",)).diagnoses(*remedies)


def dirty(*remedies: Remedy) -> Story:
    """A session of a project with changes that are not committed."""
    story = Story(plan())
    story._session = replace(story.session, git=Git("abc", "main", dirty=True))
    return story.runs(WORSE).diagnoses(*remedies)


def without_deploys(*remedies: Remedy) -> Story:
    story = Story(replace(plan(), deploys=False).focused("all")).begin().is_healthy()
    return story.tests("p1", WORSE, Outcome.FAILED).does("logs-backend").diagnoses(*remedies)


def refused(remedy_id: str, *tests: str) -> Remedy:
    return raising(remedy_id, *tests, refusal=REFUSAL)


CONSIDERED: dict[str, tuple[Callable[[], Story], Mapping[str, str]]] = {
    "no diagnosis, no remedies": (lambda: Story(plan()).runs(WORSE), {}),
    "a diagnosis that broke proposes nothing": (
        lambda: Story(plan()).runs(WORSE).does("diagnose", Outcome.ERRORED),
        {},
    ),
    "one": (lambda: diagnosed_with(ONE), {"r1": ""}),
    "two for different tests": (lambda: diagnosed_with(ONE, OTHER), {"r1": "", "r2": ""}),
    "two for one of the same tests": (lambda: diagnosed_with(ONE, BOTH), {"r1": "", "r2": AFTER_ANOTHER}),
    "a third that meets the tests of the second only": (
        lambda: diagnosed_with(ONE, BOTH, raising("r3", "p1::b", after="4", variable="THIRD")),
        {"r1": "", "r2": AFTER_ANOTHER, "r3": ""},
    ),
    "two for the same variable": (
        lambda: diagnosed_with(ONE, raising("r2", "p1::b", after="3.3")),
        {"r1": "", "r2": "another remedy for the same variable goes first"},
    ),
    "the same test name in another suite is another test": (
        lambda: diagnosed_with(ONE, raising("r2", "events::a", after="3.3", variable="OTHER_LIMIT")),
        {"r1": "", "r2": ""},
    ),
    "refused by its bounds": (lambda: diagnosed_with(refused("r1", "p1::a")), {"r1": REFUSAL}),
    "refused by its bounds while remedies are off": (
        lambda: diagnosed_with(refused("r1", "p1::a"), mode=RemedyMode.OFF),
        {"r1": REFUSAL},
    ),
    "after one that its bounds forbid": (
        lambda: diagnosed_with(refused("r1", "p1::a"), BOTH),
        {"r1": REFUSAL, "r2": ""},
    ),
    "remedies are off": (lambda: diagnosed_with(ONE, OTHER, mode=RemedyMode.OFF), {"r1": OFF, "r2": OFF}),
    "remedies are asked about": (lambda: diagnosed_with(ONE, mode=RemedyMode.ASK), {"r1": ""}),
    "one more than the budget": (lambda: diagnosed_with(ONE, OTHER, remedies=1), {"r1": "", "r2": SPENT}),
    "one that is refused spends nothing": (
        lambda: diagnosed_with(refused("r1", "p1::a"), OTHER, remedies=1),
        {"r1": REFUSAL, "r2": ""},
    ),
    "one that waits for another spends nothing": (
        lambda: diagnosed_with(ONE, BOTH, raising("r3", "events::c", after="4", variable="THIRD"), remedies=2),
        {"r1": "", "r2": AFTER_ANOTHER, "r3": ""},
    ),
    "a budget spent by the iteration before": (lambda: second(OTHER, budget=1), {"r2": SPENT}),
    "a budget not yet spent by the iteration before": (lambda: second(OTHER, budget=2), {"r2": ""}),
    "in the only iteration": (lambda: diagnosed_with(ONE, iterations=1), {"r1": LAST}),
    "in the last but one iteration": (lambda: diagnosed_with(ONE, iterations=2), {"r1": ""}),
    "the same change as the iteration before": (lambda: second(ONE), {"r1": AGAIN}),
    "another value than the iteration before": (lambda: second(raising("r2", "p1::a", after="3.3")), {"r2": ""}),
    "another service than the iteration before": (
        lambda: second(raising("r2", "p1::a", target="frontend")),
        {"r2": "frontend is not deployed in this session"},
    ),
    "what was tried, whatever came of it": (
        lambda: (
            Story(plan())
            .runs(WORSE)
            .diagnoses(ONE, OTHER)
            .does("cure-r1", Outcome.FAILED, "the diff is empty")
            .cures("r2")
            .runs(RED, verifies={"p1": RED}, changes=("r2",))
            .diagnoses(ONE)
        ),
        {"r1": AGAIN},
    ),
    "an attempt that failed is one of the budget": (
        lambda: (
            Story(plan(remedies=2))
            .runs(WORSE)
            .diagnoses(ONE, OTHER)
            .does("cure-r1", Outcome.FAILED, "the diff is empty")
            .cures("r2")
            .runs(RED, verifies={"p1": RED}, changes=("r2",))
            .diagnoses(raising("r3", "p1::a", after="9"))
        ),
        {"r3": SPENT},
    ),
    "code where the commit holds everything": (lambda: diagnosed_with(patching("r1", "p1::a")), {"r1": ""}),
    "code where the project has no commit": (
        lambda: Story(plan(), commit="").runs(WORSE).diagnoses(patching("r1", "p1::a")),
        {"r1": NO_COMMIT},
    ),
    "code where the commit does not hold everything": (lambda: dirty(patching("r1", "p1::a")), {"r1": DIRTY}),
    "an agent whose calls are spent": (
        lambda: (
            Story(replace(plan(), budget=replace(plan().budget, agent=1)))
            .runs(WORSE)
            .diagnoses(patching("r1", "p1::a", kind=RemedyKind.AGENT))
            .cures("r1")
            .runs(RED, verifies={"p1": RED}, changes=("r1",))
            .diagnoses(patching("r2", "p1::a", kind=RemedyKind.AGENT, after="attempt 2"))
        ),
        {"r2": "the agent's calls of the budget are spent"},
    ),
    "a kind that its environment has off": (
        lambda: Story(with_mode(RemedyMode.OFF)).runs(WORSE).diagnoses(ONE, patching("r2", "p1::b")),
        {"r1": "", "r2": OFF},
    ),
    "a service that is not deployed": (lambda: without_deploys(ONE), {"r1": NOT_DEPLOYED}),
    "changed code beside an earlier image": (
        lambda: diagnosed_with(BACK, patching("r2", "p1::b"), patching("r3", "p1::c", kind=RemedyKind.AGENT)),
        {"r1": "", "r2": CODE_OR_IMAGE, "r3": CODE_OR_IMAGE},
    ),
    "an earlier image beside changed code": (
        lambda: diagnosed_with(patching("r0", "p1::b"), patching("r3", "p1::c", kind=RemedyKind.AGENT), BACK),
        {"r0": "", "r3": "", "r1": CODE_OR_IMAGE},
    ),
    "changed code beside an earlier image that the budget has no room for": (
        lambda: diagnosed_with(ONE, replace(BACK, id="r2", tests=named("p1::b")), remedies=1),
        {"r1": "", "r2": SPENT},
    ),
    "after one that came to nothing": (
        lambda: diagnosed_with(
            patching("r1", "p1::a", kind=RemedyKind.AGENT), replace(BACK, id="r2"), replace(BOTH, id="r3")
        ).does("cure-r1", Outcome.FAILED, "it changed nothing"),
        {"r1": "", "r2": "", "r3": AFTER_ANOTHER},
    ),
    "changed code while an earlier image is deployed": (
        lambda: (
            Story(plan())
            .runs(WORSE)
            .diagnoses(BACK)
            .cures("r1")
            .runs(RED, verifies={"p1": RED}, changes=("r1",))
            .diagnoses(patching("r2", "p1::a"))
        ),
        {"r2": EARLIER_IMAGE},
    ),
    "users where nothing is deployed": (lambda: without_deploys(LEASING), {"r1": ""}),
}


@pytest.mark.parametrize(("tell", "expected"), CONSIDERED.values(), ids=CONSIDERED)
def test_why_a_remedy_is_not_applied(tell: Callable[[], Story], expected: Mapping[str, str]) -> None:
    story = tell()
    iteration = story.session.iterations[-1]

    assert reasons(story) == expected
    assert [each.id for each in chosen(story.session, iteration)] == [name for name in expected if not expected[name]]


def test_a_focus_that_leaves_out_the_deploy_leaves_the_service_as_it_is() -> None:
    deploy = Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"),))
    suites = Phase("critical", "Critical", (step(Kind.SUITE, "p1"),))
    story = Story(knowing(plan_of(deploy, suites, suites=(suite("p1"),), iterations=3)).focused("p1")).begin()
    story.tests("p1", RED, Outcome.FAILED).diagnoses(ONE)

    assert reasons(story) == {"r1": NOT_DEPLOYED}


@pytest.mark.parametrize(
    ("other", "budget"), [(OTHER, 1), (BOTH, 10)], ids=["with a budget of one", "for some of the same tests"]
)
def test_a_remedy_that_was_declined_makes_room_for_the_next(other: Remedy, budget: int) -> None:
    story = diagnosed_with(ONE, other, mode=RemedyMode.ASK, remedies=budget).answers("r1", "declined")

    assert reasons(story)["r2"] == ""


def test_what_was_proposed_is_found_by_its_id() -> None:
    iteration = diagnosed_with(ONE, OTHER).session.iterations[-1]

    assert proposed(iteration, "r2") == OTHER
    with pytest.raises(StopIteration):
        proposed(iteration, "r3")


def test_a_diagnosis_under_way_has_found_nothing_yet() -> None:
    story = Story(plan()).runs(WORSE).start("diagnose")
    assert diagnosed(story.session.iterations[-1]) is None

    story.emit(SessionResumed("resume")).diagnoses(ONE)
    found = diagnosed(story.session.iterations[-1])
    assert found is not None
    assert (found.remedies, found.entries, found.truncated) == ((ONE,), 12, False)


def test_only_what_was_applied_counts_and_only_for_the_iterations_after_it() -> None:
    story = diagnosed_with(ONE, OTHER, leasing("r3", "events::c"))
    story.cures("r1").does("cure-r2", Outcome.ERRORED, "bug").start("cure-r3")

    assert cured(story.session.iterations[0]) == (ONE,)
    assert applied(story.session, 1) == ()
    assert applied(story.session, 2) == (ONE,)


def later(*remedies: Remedy) -> Story:
    """A session that applied one remedy after the other, an iteration each, and has begun one more."""
    story = Story(plan(iterations=9))
    for number, remedy in enumerate(remedies, start=1):
        story.runs(WORSE if number == 1 else RED).diagnoses(remedy).cures(remedy.id)
    return story.begin()


def test_a_target_is_told_its_declared_variables_and_what_remedies_changed() -> None:
    target = replace(BACKEND, env={"AGENT_TIMEOUT": "1", "STORE": "127.0.0.1:6379", "KEY": None})
    environment = replace(plan().environment, targets=(target, replace(FRONTEND, env={"AGENT_TIMEOUT": "7"})))
    story = Story(replace(plan(), environment=environment)).runs(WORSE).diagnoses(ONE).cures("r1").begin()
    declared = {"AGENT_TIMEOUT": "1", "STORE": "127.0.0.1:6379", "KEY": None}

    assert variables_of(story.session, 1, "backend") == declared
    assert variables_of(story.session, 2, "backend") == {**declared, "AGENT_TIMEOUT": "2.1"}
    assert variables_of(story.session, 2, "frontend") == {"AGENT_TIMEOUT": "7"}


def test_a_target_is_told_where_its_dependencies_are_unless_its_variables_or_a_remedy_say_otherwise() -> None:
    store = Dependency("store", "/store", required=False, address="127.0.0.1:16379", variable="STORE")
    queue = Dependency("queue", "/queue", required=False, address="127.0.0.1:5672")
    told = replace(BACKEND, dependencies=(store, queue))
    misled = replace(told, name="frontend", env={"STORE": "127.0.0.1:1"})
    environment = replace(plan().environment, targets=(told, misled))
    address = replace(raising("r1", "p1::a", after="127.0.0.1:16379", target="frontend"), variable="STORE")
    deploys = tuple(step(Kind.DEPLOY, each) for each in ("backend", "frontend"))
    phases = (Phase("deploy", "Deploy", deploys), Phase("p1", "P1", (step(Kind.SUITE, "p1"),)))
    plan_of_two = replace(plan(), environment=environment, phases=phases).focused("all")
    story = Story(plan_of_two).begin().deploys().deploys(target="frontend").tests("p1", WORSE, Outcome.FAILED)
    story.diagnoses(address).cures("r1").begin()

    assert variables_of(story.session, 1, "backend") == {"STORE": "127.0.0.1:16379"}
    assert variables_of(story.session, 1, "frontend") == {"STORE": "127.0.0.1:1"}
    assert variables_of(story.session, 2, "frontend") == {"STORE": "127.0.0.1:16379"}


def test_a_variable_that_was_not_declared_is_added() -> None:
    assert variables_of(later(ONE).session, 2, "backend") == {"AGENT_TIMEOUT": "2.1"}


def test_of_one_variable_the_newest_remedy_counts_and_others_stay() -> None:
    newer = raising("r2", "p1::a", after="3.3")
    address = replace(raising("r3", "p1::a", after="127.0.0.1:6379"), variable="STORE")
    session = later(ONE, newer, address).session

    assert changes_of(session, 2, "backend") == (ONE,)
    assert changes_of(session, 3, "backend") == (newer,)
    assert changes_of(session, 4, "backend") == (newer, address)
    assert changes_of(session, 4, "frontend") == ()


def test_users_are_no_variable_of_any_service() -> None:
    assert changes_of(later(LEASING).session, 2, "") == ()
    assert variables_of(later(LEASING).session, 2, "backend") == {}


@pytest.mark.parametrize(
    ("users", "remedy", "expected"),
    [
        (None, None, None),
        (None, LEASING, None),
        (TWO_USERS, None, UserMode.SHARED),
        (TWO_USERS, ONE, UserMode.SHARED),
        (TWO_USERS, LEASING, UserMode.EXCLUSIVE),
        (Users(("u1",)), ONE, UserMode.EXCLUSIVE),
    ],
    ids=[
        "none",
        "none, whatever was applied",
        "as configured",
        "as configured after another remedy",
        "one each after the remedy for it",
        "one each as configured",
    ],
)
def test_how_users_are_shared(users: Users | None, remedy: Remedy | None, expected: UserMode | None) -> None:
    story = Story(knowing(usual_plan(3), users=users)).runs(WORSE)
    if remedy:
        story.diagnoses(remedy).cures("r1")
    story.begin()
    before = users.mode if users else None

    assert (user_mode(story.session, 1), user_mode(story.session, 2)) == (before, expected)


def verified(story: Story) -> dict[str, tuple[str, ...]]:
    return to_verify(story.session, story.session.iterations[-1])


def test_the_first_iteration_verifies_nothing_not_even_what_it_applied_itself() -> None:
    assert verified(Story(plan()).begin()) == {}
    assert verified(diagnosed_with(ONE).cures("r1")) == {}


def test_an_iteration_after_nothing_was_applied_verifies_nothing() -> None:
    assert verified(diagnosed_with(ONE).begin()) == {}


def test_exactly_the_tests_of_what_was_applied_are_verified_each_once_by_suite() -> None:
    remedies = (raising("r1", "p1::b", "events::c"), raising("r2", "p1::a", "p1::b", after="3"), OTHER)
    story = diagnosed_with(*remedies).cures("r1", "r2").begin()

    assert verified(story) == {"events": ("c",), "p1": ("a", "b")}


def test_what_the_iteration_before_last_applied_is_not_verified_again() -> None:
    assert verified(later(ONE, raising("r2", "events::c", after="3"))) == {"events": ("c",)}


def test_suites_out_of_focus_are_not_verified() -> None:
    story = Story(plan().focused("p1")).begin().deploys().is_healthy().tests("p1", RED, Outcome.FAILED)
    story.diagnoses(raising("r1", "p1::a", "events::c")).cures("r1").begin()

    assert verified(story) == {"p1": ("a",)}


def test_in_apply_mode_everything_is_agreed_and_in_ask_mode_only_what_somebody_said_yes_to() -> None:
    story = diagnosed_with(ONE, OTHER)
    assert is_agreed(story.session, story.session.iterations[-1], ONE)

    story = diagnosed_with(ONE, OTHER, raising("r3", "events::c", after="4", variable="THIRD"), mode=RemedyMode.ASK)
    story.answers("r1").answers("r2", "declined").start("ask-r3")
    iteration = story.session.iterations[-1]
    answers = {each.id: answer_to(iteration, each) for each in (ONE, OTHER)}

    agreed = {each.id: is_agreed(story.session, iteration, each) for each in chosen(story.session, iteration)}
    assert agreed == {"r1": True, "r3": False}
    assert {name: each.result.reasons for name, each in answers.items() if each and each.result} == {
        "r1": (),
        "r2": ("declined",),
    }


def test_a_change_of_code_is_asked_about_when_its_diff_can_be_seen() -> None:
    story = diagnosed_with(ONE, patching("r2", "p1::b"), mode=RemedyMode.ASK)
    iteration = story.session.iterations[-1]
    remedies = chosen(story.session, iteration)

    assert [is_to_be_asked(story.session, iteration, each) for each in remedies] == [True, False]
    assert [is_agreed(story.session, iteration, each) for each in remedies] == [False, True]


def test_a_change_is_told_in_one_line() -> None:
    assert ONE.change == "backend AGENT_TIMEOUT: 1 -> 2.1"
    assert LEASING.change == "users.mode: shared -> exclusive"
    assert replace(ONE, before=None).change == "backend AGENT_TIMEOUT: (not set) -> 2.1"
    assert refused("r1", "p1::a").change == "backend AGENT_TIMEOUT: 1 -> (no value within the bounds)"


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (replace(ONE, id="r9", problem="another", before="7", tests=named("p1::z"), figures={"p95_s": 1.5}), True),
        (replace(ONE, after="2.2"), False),
        (replace(ONE, variable="STORE"), False),
        (replace(ONE, target="frontend"), False),
        (replace(ONE, kind=LEASING.kind), False),
    ],
    ids=["for another reason", "another value", "another variable", "another service", "another kind"],
)
def test_two_remedies_make_the_same_change_when_what_is_changed_and_to_what_is_the_same(
    other: Remedy, expected: bool
) -> None:
    assert ONE.changes_the_same(other) is expected


def test_what_was_taken_back_is_not_worked_with_any_more_and_was_tried() -> None:
    story = Story(plan()).runs(WORSE).diagnoses(ONE, OTHER).cures("r1", "r2").runs(RED, changes=("r1", "r2"))
    story.undoes("r1").begin()

    assert [remedy.id for remedy in applied(story.session, 2)] == ["r1", "r2"]
    assert [remedy.id for remedy in applied(story.session, 3)] == ["r2"]
    assert [remedy.id for remedy in tried(story.session, 3)] == ["r1", "r2"]
    assert variables_of(story.session, 3, "backend") == {"OTHER_LIMIT": "3.3"}


def test_code_comes_from_the_newest_commit_of_the_session_while_a_remedy_needs_it() -> None:
    one, other = patching("r1", "p1::a"), patching("r2", "p1::b", after="as of def")
    story = Story(plan(iterations=5)).runs(WORSE).diagnoses(one)
    story.does("cure-r1", seen=Receipt("r1", {}, {}, commit="c1")).runs(WORSE, changes=("r1",)).diagnoses(other)
    story.does("cure-r2", seen=Receipt("r2", {}, {}, commit="c2")).runs(WORSE, changes=("r1", "r2"))
    story.does("undo-r1", seen=Receipt("r1", {}, {}, commit="c3")).begin()
    story.does("undo-r2", seen=Receipt("r2", {}, {}, commit="c4")).begin()

    assert [code_of(story.session, number, "backend") for number in (1, 2, 3, 4, 5)] == ["", "c1", "c2", "c3", ""]
    assert code_of(story.session, 3, "frontend") == ""


@pytest.mark.parametrize("mode", RemedyMode)
def test_a_kind_may_do_less_than_the_plan_says_and_never_more(mode: RemedyMode) -> None:
    asked = replace(with_mode(mode), remedies=RemedyMode.ASK)
    expected = RemedyMode.OFF if mode is RemedyMode.OFF else RemedyMode.ASK

    assert mode_of(asked, RemedyKind.PATCH) is expected
    assert mode_of(asked, RemedyKind.SET_ENV) is RemedyMode.ASK


def enlarging(remedy_id: str, *tests: str, after: str = "1Gi") -> Remedy:
    kind = RemedyKind.SET_RESOURCES
    return Remedy(remedy_id, "out-of-memory", kind, "backend", "memory", "512Mi", after, named(*tests))


def test_what_a_service_may_use_is_what_a_remedy_says_and_what_it_was_when_that_was_taken_back() -> None:
    story = Story(plan()).runs(WORSE).diagnoses(enlarging("r1", "p1::a"), OTHER).cures("r1", "r2")
    story.runs(WORSE, changes=("r1", "r2")).undoes("r1").begin()

    assert [resources_of(story.session, number, "backend") for number in (1, 2, 3)] == [
        {},
        {Setting.MEMORY: "1Gi"},
        {Setting.MEMORY: "512Mi"},
    ]
    assert resources_of(story.session, 2, "frontend") == {}


def test_an_earlier_image_is_deployed_until_that_is_taken_back() -> None:
    story = Story(plan()).runs(WORSE).diagnoses(BACK).cures("r1").runs(WORSE, changes=("r1",)).undoes("r1").begin()

    assert [image_of(story.session, number, "backend") for number in (1, 2, 3)] == [None, BACK, None]
    assert image_of(story.session, 2, "frontend") is None


def test_an_earlier_image_has_none_of_the_code_that_was_changed_before() -> None:
    story = (
        Story(plan())
        .runs(WORSE)
        .diagnoses(patching("r0", "p1::b"))
        .does("cure-r0", seen=Receipt("r0", {}, {}, commit="c0"))
    )
    story.runs(WORSE, changes=("r0",)).diagnoses(BACK).cures("r1").begin()

    assert [code_of(story.session, number, "backend") for number in (2, 3)] == ["c0", ""]
    assert [[r.id for r in changes_of(story.session, number, "backend")] for number in (2, 3)] == [["r0"], ["r1"]]
