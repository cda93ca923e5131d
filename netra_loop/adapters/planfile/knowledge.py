"""Reads config/knowledge.yaml: the causes that are known, what shows each of them, and what remedies it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netra_loop.adapters.planfile.models import CauseModel, KnowledgeModel, RemedyModel, SlowWorkModel, WhyModel
from netra_loop.adapters.planfile.structure import has_unknown_keys, read
from netra_loop.adapters.planfile.yamldocument import Document, Location, quoted
from netra_loop.core.knowledge import (
    AddressDeclared,
    AddressDiffers,
    Cause,
    CheckText,
    Claim,
    DependencyDown,
    Derivation,
    Ended,
    FailureText,
    Logged,
    Look,
    PassedSpared,
    PortDiffers,
    RemedyKind,
    SlowWork,
    StepText,
    Treatment,
    Untouched,
    UserShared,
)

MAX_CAUSES = 200
MAX_WHYS = 20
_CAUSES: Location = ("causes",)
_LOOKS = (
    "failure", "step", "check", "log", "ended", "slow_work", "dependency", "address", "port",
    "contact", "users", "passed",
)  # fmt: skip
_FIRST = ("failure", "step", "check")


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a remedy needs: a why with this look in its cause, and keys that must or must not be there."""

    look: str
    needs: tuple[str, ...] = ()
    forbids: tuple[str, ...] = ()
    because: str = ""


_LEASE_USERS = _Rule("users", forbids=("value", "variable", "headroom", "cap"), because="it sets no variable")
_SET_ENV = {
    Derivation.P95: _Rule("slow_work", needs=("variable", "cap")),
    Derivation.ADDRESS: _Rule(
        "address", forbids=("variable", "headroom", "cap"), because="the dependency names its variable and its address"
    ),
}


def read_knowledge(document: Document) -> tuple[Cause, ...]:
    """The causes a document describes, none without one; every mistake is reported. Where there were any, some lack."""
    if document.value is None:
        return ()
    read(KnowledgeModel, document, ())
    places = list(document.items(_CAUSES))
    if len(places) > MAX_CAUSES:
        document.report(_CAUSES, f"more than {MAX_CAUSES} causes are too many", key=True)
        return ()
    _check_ids(document, places)
    return tuple(cause for place in places if (cause := _cause(document, place)))


def _check_ids(document: Document, places: Sequence[Location]) -> None:
    first: dict[str, Location] = {}
    for place in places:
        cause_id = document.text((*place, "id"))
        earlier = first.setdefault(cause_id, place)
        if cause_id and earlier != place:
            hint = f"the first is on line {document.line(earlier)}"
            document.report((*place, "id"), f"duplicate cause {quoted(cause_id)}", hint)


def _cause(document: Document, place: Location) -> Cause | None:
    model = read(CauseModel, document, place)
    if model is None:
        return None
    whys = list(document.items((*place, "whys")))
    if len(whys) > MAX_WHYS:
        document.report((*place, "whys"), f"more than {MAX_WHYS} whys are too many", key=True)
        return None
    claims = [_claim(document, why) for why in whys]
    looks = [given[0] if len(given) == 1 else "" for given in (_given(document, why) for why in whys)]
    if all(looks):  # otherwise nobody knows what the others build on
        _check_order(document, whys, looks)
    treatment = _treatment(document, (*place, "remedy"), looks)
    return Cause(model.id, model.title, tuple(claim for claim in claims if claim), treatment)


def _given(document: Document, why: Location) -> list[str]:
    """The looks a why has; one, if it is right."""
    return [key for key in _LOOKS if document.at((*why, key)) is not None]


def _claim(document: Document, place: Location) -> Claim | None:
    """One why. A misspelt look is an unknown key, and reported as that."""
    model = read(WhyModel, document, place)
    if model is None:
        return None
    given = _given(document, place)
    if len(given) > 1:
        message = f"a why looks at one thing, this one at {quoted(given[0])} and {quoted(given[1])}"
        document.report((*place, given[1]), message, "make two whys of it", key=True)
    elif not given and not has_unknown_keys(WhyModel, document, place):
        document.report(place, f"the why looks at nothing; it needs exactly one of {', '.join(_LOOKS)}")
    look = _look(document, place, model, given[0]) if len(given) == 1 else None
    return Claim(model.claim, look) if look else None


def _look(document: Document, place: Location, model: WhyModel, key: str) -> Look | None:
    match key:
        case "failure":
            return FailureText(model.failure)
        case "step":
            return StepText(model.step)
        case "check":
            return CheckText(model.check)
        case "log":
            return Logged(model.log)
        case "ended":
            return Ended(model.ended)
        case "slow_work":
            work = read(SlowWorkModel, document, (*place, key))
            return SlowWork(work.log, work.duration, work.limit, work.same) if work else None
        case "dependency":
            return DependencyDown()
        case "address":
            return AddressDiffers() if model.address == "differs" else AddressDeclared()
        case "port":
            return PortDiffers(model.port)
        case "contact":
            return Untouched()
        case "users":
            return UserShared()
        case _:
            return PassedSpared()


def _check_order(document: Document, whys: Sequence[Location], looks: Sequence[str]) -> None:
    """Report a chain that does not begin with a failure, and looks at what none of the whys before has found."""
    for number, (place, look) in enumerate(zip(whys, looks, strict=True)):
        before = looks[:number]
        if number == 0 and look not in _FIRST:
            message = f"the first why must look at a 'failure', a 'step' or a 'check', not at {quoted(look)}"
            document.report((*place, look), message, "a cause begins with what the tests or a step saw", key=True)
        elif number > 0 and look in _FIRST:
            document.report((*place, look), f"only the first why may look at a {quoted(look)}", key=True)
        if look == "port" and looks[0] != "step":
            message = "'port' needs a 'step' as the first why"
            document.report((*place, look), message, "it says which port was wanted", key=True)
        same = (*place, "slow_work", "same")
        if document.at(same) is not None and "log" not in before:
            document.report(
                same, "'same' needs a why with 'log' before it", "its entries say what must be the same", key=True
            )
        if look == "contact" and looks[0] != "failure":
            message = "'contact' needs a 'failure' as the first why"
            document.report((*place, look), message, "it says which tests", key=True)
        if look in ("passed", "ended") and "log" not in before:
            message = f"{quoted(look)} needs a why with 'log' before it"
            document.report((*place, look), message, "it says which entries", key=True)
        if look == "address" and "dependency" not in before:
            message = "'address' needs a why with 'dependency' before it"
            document.report((*place, look), message, "it says which dependency", key=True)


def _treatment(document: Document, place: Location, looks: Sequence[str]) -> Treatment | None:
    """The remedy at a place, for a cause whose whys have these looks."""
    if document.at(place) is None:
        return None
    model = read(RemedyModel, document, place)
    if model is None:
        return None
    if model.kind is RemedyKind.LEASE_USERS:
        _check_rule(document, place, ("kind", model.kind.value), _LEASE_USERS, looks)
    elif model.value is not None:
        _check_rule(document, place, ("value", model.value.value), _SET_ENV[model.value], looks)
    elif document.at((*place, "value")) is None and not has_unknown_keys(RemedyModel, document, place):
        choices = " or ".join(derivation.value for derivation in Derivation)
        document.report((*place, "value"), "'kind: set_env' needs 'value'", f"it is {choices}")
    return Treatment(model.kind, model.value, model.variable, model.headroom, model.cap)


def _check_rule(
    document: Document, place: Location, chosen: tuple[str, str], rule: _Rule, looks: Sequence[str]
) -> None:
    key, word = chosen
    who = quoted(f"{key}: {word}")
    if looks and all(looks) and rule.look not in looks:
        document.report((*place, key), f"{who} needs a why with {quoted(rule.look)} in its cause")
    for other in rule.forbids:
        if document.at((*place, other)) is not None:
            document.report((*place, other), f"{who} takes no {quoted(other)}", rule.because, key=True)
    for other in rule.needs:
        if document.at((*place, other)) is None and not has_unknown_keys(RemedyModel, document, place):
            document.report((*place, other), f"{who} needs {quoted(other)}")
