"""Which revisions sessions have proven good or rolled back, where a rollback leads, and what it comes to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netra_loop.core.byhand import LOCAL_ENV, by_hand, in_order
from netra_loop.core.codec import timestamp
from netra_loop.core.errors import UsageError
from netra_loop.core.events import GoodRevision, Interrupted, Quarantined, SessionFinished
from netra_loop.core.goodness import Ledger, good_revisions, quarantined, stands_for, with_older
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind, Phase
from netra_loop.core.policy import Finish, decide
from netra_loop.core.redeploy import DIRTY
from netra_loop.core.rollback import aimed, newest_good, not_undone, rollback_plan
from netra_loop.core.seen import Share, TrafficShifted
from netra_loop.core.session import Session
from netra_loop.core.verdict import conclude
from tests.stories import BACKEND, FRONTEND, NEW, OLD, Story, deployed, plan_of, shifted, step, suite, usual_plan

A, B, C = "backend-a", "backend-b", "backend-c"
COMMIT = {A: "a" * 40, B: "b" * 40, C: "c" * 40}


def ended(story: Story) -> Session:
    """The session once the policy has finished it."""
    (move,) = decide(story.session).moves
    assert isinstance(move, Finish), move
    return story.emit(SessionFinished(move.verdict)).session


def good(revision: str, session: str, commit: str = "") -> GoodRevision:
    return GoodRevision("backend", revision, commit or COMMIT[revision], session)


def proving(
    name: str, revision: str, *, green: bool = True, strategy: str = "candidate", commit: str | None = None
) -> Session:
    """A session that deploys a revision, tests it, and promotes it where that is to be done."""
    story = Story(usual_plan(), name).begin()
    seen = replace(
        deployed(revision=revision), commit=COMMIT[revision] if commit is None else commit, strategy=strategy
    )
    if strategy == "unchanged":
        seen = replace(seen, traffic_after=(Share(revision, 100),), candidate_url=seen.url)
    story.does("deploy-backend", seen=seen).is_healthy(revision=revision)
    story.tests("p1", ["a"], Outcome.PASSED if green else Outcome.FAILED, revision=revision)
    story.tests("events", ["b"], revision=revision).does("logs-backend")
    if green:
        story.does("promote-backend", seen=shifted(revision))
    return ended(story)


def rolling(name: str, revision: str, *known: GoodRevision, targets: tuple[str, ...] = ("backend",)) -> Story:
    plan = rollback_plan(plan_of(targets=(BACKEND, FRONTEND)), [t for t in (BACKEND, FRONTEND) if t.name in targets])
    return Story(aimed(plan, dict.fromkeys(targets, revision)), name, known).begin()


def gone_back(revision: str, before: str, commit: str) -> TrafficShifted:
    seen = shifted(revision)
    return replace(seen, traffic_before=(Share(before, 100),), commits={before: commit} if commit else {})


def rolled_back(name: str, revision: str, before: str, commit: str = "", *known: GoodRevision) -> Session:
    seen = gone_back(revision, before, commit or COMMIT[before])
    return ended(rolling(name, revision, *known).does("rollback-backend", seen=seen))


def test_a_green_session_has_proven_what_it_left_serving() -> None:
    for strategy in ("candidate", "unchanged"):
        (found,) = good_revisions(proving("s1", A, strategy=strategy))

        assert replace(found, since="", until="", tests=0) == replace(good(A, "s1"), built_from=COMMIT[A])


@pytest.mark.parametrize("commit", ["", COMMIT[A] + DIRTY], ids=["an image", "a folder with changes"])
def test_what_a_good_revision_was_built_from_is_not_known_of(commit: str) -> None:
    (found,) = good_revisions(proving("s1", A, commit=commit))

    assert (found.built_from, found.commit) == ("", "settings of sha256:aa")


def test_a_good_revision_tells_when_and_by_how_many_tests_it_was_proven() -> None:
    session = proving("s1", A)
    (found,) = good_revisions(session)
    suites = session.iterations[-1].of_kind(Kind.SUITE)

    assert found.since == timestamp(min(record.begun for record in suites))
    assert found.until == timestamp(max(record.ended for record in suites if record.ended))
    assert found.tests == 2


def test_a_rollback_keeps_when_its_revision_was_tested() -> None:
    tested = replace(good(A, "s1"), since="2025-09-14T17:10:27.000000Z", until="2025-09-14T17:10:41.000000Z", tests=2)

    assert good_revisions(rolled_back("s2", A, B, "", tested)) == (replace(tested, session_id="s2"),)


def test_a_session_that_is_not_green_has_proven_nothing() -> None:
    assert good_revisions(proving("s1", A, green=False)) == ()
    assert good_revisions(Story(usual_plan()).begin().deploys().session) == ()


def test_a_rollback_proves_only_what_was_proven_before_it() -> None:
    assert good_revisions(rolled_back("s2", A, B, "", good(A, "s1"))) == (good(A, "s2"),)
    assert good_revisions(rolled_back("s2", A, B)) == ()


def test_what_lost_all_its_traffic_to_a_rollback_is_quarantined() -> None:
    assert quarantined(rolled_back("s2", A, B)) == (Quarantined("backend", COMMIT[B], B, "s2"),)


def test_a_rollback_that_shifted_nothing_quarantines_nothing() -> None:
    still = replace(gone_back(A, B, COMMIT[B]), revision=B, traffic_after=(Share(B, 100),))
    story = rolling("s2", A).does("rollback-backend", Outcome.FAILED, "revision is not ready", seen=still)

    assert quarantined(ended(story)) == ()


NAMES = {
    "a commit that holds everything": ("abc", "settings", "abc"),
    "a commit with changes beside it": ("abc-dirty", "settings", "settings"),
    "no commit": ("", "settings", "settings"),
    "nothing known": ("", "", ""),
}


@pytest.mark.parametrize(("commit", "settings", "name"), NAMES.values(), ids=NAMES)
def test_what_stands_for_what_was_deployed(commit: str, settings: str, name: str) -> None:
    assert stands_for(commit, settings) == name


def ledger(*newest_first: Session) -> tuple[list[str], list[tuple[str, str]]]:
    """The good revisions, and what is quarantined by commit and revision."""
    found = Ledger()
    for session in newest_first:
        found = with_older(found, session)
    return [g.revision for g in found.good], [(q.commit, q.revision) for q in found.quarantined]


def test_the_ledger_has_the_newest_first_and_each_once() -> None:
    assert ledger(proving("s3", A), proving("s2", B), proving("s1", A)) == ([A, B], [])


def test_a_revision_that_was_rolled_back_is_good_no_more() -> None:
    sessions = rolled_back("s3", A, B, "", good(A, "s1")), proving("s2", B), proving("s1", A)

    assert ledger(*sessions) == ([A], [(COMMIT[B], B)])


def test_a_commit_that_was_proven_again_is_free_and_its_old_revision_is_not() -> None:
    again = replace(deployed(revision=C), commit=COMMIT[B])
    story = Story(usual_plan(), "s4").begin().does("deploy-backend", seen=again).is_healthy(revision=C)
    story.tests("p1", ["a"], revision=C).tests("events", ["b"], revision=C).does("logs-backend")
    proven = ended(story.does("promote-backend", seen=shifted(C)))
    sessions = proven, rolled_back("s3", A, B, "", good(A, "s1")), proving("s2", B), proving("s1", A)

    assert ledger(*sessions) == ([C, A], [("", B)])


def test_the_newest_that_is_left_is_chosen() -> None:
    known = good(C, "s3"), good(B, "s2"), replace(good(A, "s1"), target="frontend")

    assert newest_good(known, "backend", [C]) == B
    assert newest_good(known, "backend", [C, B]) == ""
    assert newest_good(known, "frontend", [""]) == A


def test_an_unknown_service_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="no such service: back") as refused:
        plan_of(targets=(BACKEND, FRONTEND)).environment.named(["back"])
    assert refused.value.hint == "known are: backend, frontend"


def test_the_plan_of_a_rollback_does_nothing_else() -> None:
    plan = rollback_plan(usual_plan(), [BACKEND])
    chosen = aimed(rollback_plan(plan_of(targets=(BACKEND, FRONTEND)), [BACKEND, FRONTEND]), {"backend": A})

    assert (plan.focus, plan.only_rolls_back, plan.suites) == ("rollback", True, ())
    assert [(step.kind, step.subject, step.revision) for step in chosen.steps] == [(Kind.ROLLBACK, "backend", A)]
    assert chosen.selected == {"rollback-backend"}
    assert not usual_plan().only_rolls_back


def test_irreversible_steps_are_named_by_those_that_ran_them_and_by_every_rollback_after_that() -> None:
    migrate = replace(step(Kind.RUN, "", step_id="migrate"), irreversible=True)
    plan = plan_of(Phase("all", "All", (step(Kind.RUN, "", step_id="seed"), migrate)))

    assert not_undone(Story(plan).begin().does("seed").session) == ()
    assert not_undone(Story(plan).begin().does("migrate").session) == ("migrate",)
    assert not_undone(Story(rollback_plan(plan, [BACKEND])).session) == ("migrate",)


def verdict_of(session: Session) -> tuple[str, int, str]:
    assert session.verdict is not None
    return session.verdict.colour.value, session.verdict.exit_code, session.verdict.reason


def test_a_rollback_needs_no_test_to_be_green() -> None:
    assert verdict_of(rolled_back("s2", A, B)) == ("GREEN", 0, f"rolled back backend to {A}")


ENDS = {
    "bad": (Outcome.FAILED, ("revision backend-a is not healthy", "nothing was shifted")),
    "could not look": (Outcome.ERRORED, ("timed_out",)),
    "somebody else was there": (Outcome.ERRORED, ("foreign_change", "backend serves another")),
}


@pytest.mark.parametrize(("outcome", "reasons"), ENDS.values(), ids=ENDS)
def test_any_other_end_is_unsafe(outcome: Outcome, reasons: tuple[str, ...]) -> None:
    session = ended(rolling("s2", A).does("rollback-backend", outcome, *reasons))

    assert verdict_of(session)[:2] == ("UNSAFE", 30)
    assert verdict_of(session)[2].endswith(f"backend was not rolled back to {A}: {'; '.join(reasons)}")


def test_a_signal_does_not_cut_a_rollback() -> None:
    story = rolling("s2", A).start("rollback-backend").emit(Interrupted(2))

    assert decide(story.session).moves == ()
    assert verdict_of(ended(story.end("rollback-backend", seen=shifted(A))))[:2] == ("INCOMPLETE", 130)


def test_one_of_two_that_fails_names_it_alone() -> None:
    story = rolling("s2", A, targets=("backend", "frontend"))
    story.does("rollback-backend", seen=shifted(A)).does("rollback-frontend", Outcome.ERRORED, "timed_out")

    assert conclude(story.session).reason == f"frontend was not rolled back to {A}: timed_out"
    assert list(by_hand(ended(story))) == ["frontend"]


def command(shares: str, service: str = "backend") -> str:
    where = "--project project --region region"
    return f"gcloud run services update-traffic {service} {where} --to-revisions={shares}"


def test_a_rollback_that_could_not_be_done_is_done_by_hand() -> None:
    session = ended(rolling("s2", A, good(C, "s0")).does("rollback-backend", Outcome.ERRORED, "timed_out"))

    assert by_hand(session) == {"backend": command(f"{A}=100")}


@pytest.mark.parametrize(("known", "to"), [((A, C), C), ((A, B), A), ((), A)], ids=["another", "none left", "none"])
def test_a_revision_that_was_found_bad_gives_way_to_another_that_is_proven(known: tuple[str, ...], to: str) -> None:
    still = replace(gone_back(A, B, COMMIT[B]), revision=B, traffic_after=(Share(B, 100),))
    story = rolling("s2", A, *(good(each, "s1") for each in known))
    story.does("rollback-backend", Outcome.FAILED, "revision is not ready", seen=still)

    assert by_hand(ended(story)) == {"backend": command(f"{to}=100")}


def test_what_a_run_could_not_restore_is_put_back_by_hand() -> None:
    story = Story(usual_plan()).begin().deploys().is_healthy().tests("p1", ["a"]).tests("events", ["b"])
    story.does("logs-backend").promotes(Outcome.FAILED).restores(Outcome.FAILED)
    session = ended(story)

    assert verdict_of(session)[0] == "UNSAFE"
    assert by_hand(session) == {"backend": command(f"{OLD}=100")}


def test_only_what_is_unsafe_is_set_by_hand() -> None:
    suites = (suite("p1", targets=("backend", "frontend")),)
    deploys = Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"), step(Kind.DEPLOY, "frontend")))
    tests = Phase("p1", "P1", (step(Kind.SUITE, "p1"),), ("deploy",))
    story = Story(plan_of(deploys, tests, suites=suites, targets=(BACKEND, FRONTEND))).begin().both_proven()
    story.promotes().promotes(Outcome.FAILED, target="frontend")
    story.restores().restores(Outcome.FAILED, target="frontend")

    assert by_hand(ended(story)) == {"frontend": command(f"{OLD}=100", "frontend")}


def test_a_split_is_put_back_as_it_was() -> None:
    split = (Share(OLD, 60), Share(A, 40), Share(NEW, 0, "theirs"))
    story = Story(usual_plan()).begin().does("deploy-backend", seen=replace(deployed(), traffic_before=split))
    story.is_healthy().tests("p1", ["a"]).tests("events", ["b"]).does("logs-backend")
    session = ended(story.promotes(Outcome.FAILED).restores(Outcome.ERRORED))

    assert by_hand(session) == {"backend": command(f"{OLD}=60,{A}=40")}


def test_nothing_is_to_be_done_by_hand_unless_it_is_unsafe() -> None:
    assert by_hand(proving("s1", A)) == by_hand(proving("s1", A, green=False)) == {}


def test_gcloud_is_told_first_where_the_embedded_cloud_run_is() -> None:
    embedded = usual_plan().environment

    assert in_order(embedded, {"backend": "gcloud"}) == (LOCAL_ENV, "gcloud")
    assert in_order(replace(embedded, endpoint="google"), {"backend": "gcloud"}) == ("gcloud",)
    assert in_order(embedded, {}) == ()
