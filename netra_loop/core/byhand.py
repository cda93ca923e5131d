"""What a person can type to set the traffic where a session could not, or must not, leave it proven good."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from netra_loop.core.agenda import candidates
from netra_loop.core.environment import Environment
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind
from netra_loop.core.rollback import newest_good
from netra_loop.core.seen import Share, TrafficShifted
from netra_loop.core.session import Session
from netra_loop.core.traffic import percents
from netra_loop.core.verdict import unsafe_targets

LOCAL_ENV = 'eval "$(ultimate-test-deploy-loop local env)"'


def by_hand(session: Session) -> Mapping[str, str]:
    """By target, the command that gives its traffic to what is known to be good; empty while nothing is unsafe."""
    environment = session.plan.environment
    targets = unsafe_targets(session)
    wanted = {target: percents(_back(session, target)) for target in targets}
    return {target: update_traffic(environment, target, shares) for target, shares in wanted.items() if shares}


def in_order(environment: Environment, commands: Mapping[str, str]) -> tuple[str, ...]:
    """The lines for a shell: where the embedded Cloud Run is comes first."""
    first = (LOCAL_ENV,) if commands and environment.endpoint == "embedded" else ()
    return (*first, *commands.values())


def update_traffic(environment: Environment, target: str, shares: Mapping[str, int]) -> str:
    """The command of gcloud that gives these revisions these percents."""
    to = ",".join(f"{revision}={percent}" for revision, percent in shares.items())
    where = ("--project", environment.project, "--region", environment.region)
    service = environment.target(target).service
    return shlex.join(("gcloud", "run", "services", "update-traffic", service, *where, f"--to-revisions={to}"))


def _back(session: Session, target: str) -> Iterator[Share]:
    """The traffic that a target should have: where its rollback was to lead, else what it was before the session."""
    for step in session.plan.steps:
        if step.kind is Kind.ROLLBACK and step.subject == target:
            yield Share(_other_than_bad(session, target, step.revision), 100)
    for deployed in candidates(session.plan, session.iterations[-1]) if session.iterations else ():
        if deployed.target == target:
            yield from deployed.traffic_before


def _other_than_bad(session: Session, target: str, wanted: str) -> str:
    """The revision itself; where it was found bad, another that was proven good, if there is one."""
    records = session.iterations[-1].of_kind(Kind.ROLLBACK) if session.iterations else ()
    results = [record.result for record in records if record.act.subject == target and record.result]
    seen = results[0].seen if results and results[0].outcome is Outcome.FAILED else None
    if not isinstance(seen, TrafficShifted):
        return wanted
    return newest_good(session.good, target, {wanted, *percents(seen.traffic_before)}) or wanted
