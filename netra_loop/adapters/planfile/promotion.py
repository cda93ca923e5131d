"""Reads how traffic is shifted, and checks that what a plan deploys and promotes comes in a possible order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from netra_loop.adapters.planfile.models import PromotionModel
from netra_loop.adapters.planfile.structure import read
from netra_loop.adapters.planfile.yamldocument import Document, Location, quoted
from netra_loop.core.environment import Environment
from netra_loop.core.plan import Kind, Phase, Step
from netra_loop.core.promotion import Promotion, Strategy

PlaceOf = Callable[[str], Location]
"""Where the step with an id is written."""


def read_promotion(document: Document) -> Promotion:
    """What the plan says under `promote`; every mistake is reported."""
    if document.at(("promote",)) is None:
        return Promotion()
    model = read(PromotionModel, document, ("promote",))
    return Promotion(**dict(model)) if model else Promotion()


def check_rollout(document: Document, phases: Sequence[Phase], environment: Environment, place_of: PlaceOf) -> None:
    """Report promotions of what is not deployed before, candidates that come too early, and stages nobody could see."""
    needs = {phase.id: phase.needs for phase in phases}
    for phase in phases:
        before = [step for other in phases if other.id in _ahead(phase.id, needs) for step in other.steps]
        for step in phase.steps:
            place = (*place_of(step.id), step.kind.value)
            if step.kind is Kind.PROMOTE and not _has(before, Kind.DEPLOY, step.subject):
                message = f"service {quoted(step.subject)} is not deployed before it is promoted"
                document.report(place, message, "deploy it in a phase that this one needs")
            if step.kind is Kind.DEPLOY:
                _check_deploy(document, place, step, environment)
                _check_peers(document, place, step, before, phases, environment)


def _check_deploy(document: Document, place: Location, step: Step, environment: Environment) -> None:
    if step.strategy is Strategy.GRADUAL and environment.target(step.subject).identity is None:
        message = f"service {quoted(step.subject)} has no 'identity', so nobody could tell who gives an answer"
        document.report(place, message, "a gradual shift counts the answers of the new revision")


def _check_peers(
    document: Document,
    place: Location,
    step: Step,
    before: Sequence[Step],
    phases: Sequence[Phase],
    environment: Environment,
) -> None:
    """A candidate that needs a candidate: that one must have been promoted, or it gets its traffic at once."""
    deploys = {each.subject: each for phase in phases for each in phase.steps if each.kind is Kind.DEPLOY}
    for peer in environment.target(step.subject).peers:
        deploy = deploys.get(peer.name)
        if not peer.candidate or deploy is None:
            continue
        direct = deploy.strategy is Strategy.DIRECT and deploy in before
        if not direct and not _has(before, Kind.PROMOTE, peer.name):
            message = f"service {quoted(step.subject)} needs the new revision of {quoted(peer.name)}"
            hint = f"deploy it in a phase after a step `promote: {peer.name}`, or deploy {peer.name} before, directly"
            document.report(place, message, hint)


def _has(steps: Sequence[Step], kind: Kind, subject: str) -> bool:
    return any(step.kind is kind and step.subject == subject for step in steps)


def _ahead(phase: str, needs: Mapping[str, Sequence[str]]) -> set[str]:
    """The phases that have ended before a phase begins."""
    seen: set[str] = set()
    waiting = list(needs.get(phase, ()))
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            waiting.extend(needs.get(each, ()))
    return seen
