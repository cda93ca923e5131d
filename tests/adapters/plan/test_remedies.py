"""What may be done about causes: nothing without being said, and within the bounds that are."""

from __future__ import annotations

import pytest

from netra_loop.core.environment import RemedyMode, UserMode

from .conftest import Project


def say(base: Project, lines: str) -> None:
    """Add lines to the environment."""
    base.environment_file.write_text(f"{lines}\n{base.environment_file.read_text('utf-8')}", "utf-8")


def test_who_says_nothing_has_no_remedies_users_or_timeouts(base: Project) -> None:
    plan = base.load()
    assert (plan.remedies, plan.environment.remedies) == (RemedyMode.OFF, RemedyMode.OFF)
    assert (plan.environment.users, plan.environment.timeouts) == (None, {})
    assert plan.budget.remedies == 10


@pytest.mark.parametrize("mode", RemedyMode)
def test_the_plan_takes_over_what_the_environment_says_of_remedies(base: Project, mode: RemedyMode) -> None:
    say(base, f"remedies: {mode.value}")
    plan = base.load()
    assert (plan.remedies, plan.environment.remedies) == (mode, mode)


def test_users_are_exclusive_unless_said(base: Project) -> None:
    say(base, f"users: {{pool: [anna, {'b' * 80}]}}")
    users = base.load().environment.users
    assert users is not None
    assert (users.pool, users.mode) == (("anna", "b" * 80), UserMode.EXCLUSIVE)


@pytest.mark.parametrize("count", [0, 100])
def test_as_many_remedies_are_allowed_as_the_budget_says(base: Project, count: int) -> None:
    base.plan_file.write_text(f"budget: {{remedies: {count}}}\n{base.plan_file.read_text('utf-8')}", "utf-8")
    assert base.load().budget.remedies == count


@pytest.mark.parametrize(("written", "read"), [("", 1.0), ("headroom: 1,", 1.0), ("headroom: 10.0,", 10.0)])
def test_the_headroom_of_a_limit_is_one_to_ten(base: Project, written: str, read: float) -> None:
    base.knowledge_file.write_text(
        f"""
causes:
  - id: slow
    title: The work is slow
    whys:
      - {{claim: The tests waited too long, failure: timeout}}
      - {{claim: The work is slow, slow_work: {{log: done, duration: took, limit: most}}}}
    remedy: {{kind: set_env, value: p95, variable: LIMIT, {written} cap: 500ms}}
""",
        "utf-8",
    )
    (cause,) = base.load().knowledge
    assert cause.treatment is not None
    assert (cause.treatment.headroom, cause.treatment.cap) == (read, 0.5)


def test_a_pattern_that_nests_too_deep_to_be_compiled_is_refused(base: Project) -> None:
    base.knowledge_file.write_text(
        f'causes: [{{id: deep, title: Deep, whys: [{{claim: It failed, failure: "{"(" * 500}"}}]}}]\n', "utf-8"
    )
    assert "'failure' is no regular expression: " in base.complaint()


@pytest.mark.parametrize(
    ("remedy", "complaint"),
    [
        ("kind: set_resources, value: raised, setting: memory, headroom: 2", "'value: raised' needs 'most'"),
        (
            "kind: set_resources, value: raised, setting: memory, headroom: 2, most: lots",
            "'lots' is no value of memory; write it as gcloud takes it",
        ),
        ("kind: set_resources, value: p95", "'kind: set_resources' takes no value 'p95'; it is raised"),
        ("kind: patch, file: a.diff, variable: A", "'kind: patch' takes no 'variable'"),
        ("kind: patch", "'kind: patch' needs 'file'"),
        ("kind: config_edit, file: a.yaml, key: b", "'kind: config_edit' needs 'to'"),
        ("kind: command", "'kind: command' needs 'command'"),
        ("kind: agent", "'kind: agent' is no remedy of a cause; the environment's 'agent' is asked"),
    ],
)
def test_a_remedy_that_lacks_what_its_kind_needs_is_refused(base: Project, remedy: str, complaint: str) -> None:
    base.knowledge_file.write_text(
        f"causes: [{{id: a, title: A, whys: [{{claim: It failed, failure: x}}], remedy: {{{remedy}}}}}]\n", "utf-8"
    )
    assert complaint in base.complaint()


def test_an_environment_names_its_agent_what_kinds_may_do_and_what_is_protected(base: Project) -> None:
    say(base, "agent: {command: [fix, '{bundle}']}\nremedy_modes: {agent: ask}\nprotect: [keys/**]")
    environment = base.load().environment

    assert environment.agent is not None
    assert (environment.agent.argv, environment.agent.timeout) == (("fix", "{bundle}"), 600.0)
    assert (environment.remedy_modes, environment.protect) == ({"agent": RemedyMode.ASK}, ("keys/**",))


def test_a_kind_of_remedies_that_is_none_is_refused(base: Project) -> None:
    say(base, "remedy_modes: {prayer: ask}")
    assert "prayer" in base.complaint()
