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
    PassedWarm,
    PortDiffers,
    RemedyKind,
    SlowWork,
    StepText,
    Treatment,
    Untouched,
    UserShared,
)
from netra_loop.core.resources import Setting, amount_of

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
    """What a remedy needs: a why with this look in its cause, and which keys it takes and must have."""

    look: str = ""
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    because: str = ""


_KEYS = ("value", "variable", "headroom", "cap", "setting", "most", "file", "key", "to", "command")
_RULES = {
    (RemedyKind.LEASE_USERS, None): _Rule("users", because="it sets no variable"),
    (RemedyKind.SET_ENV, Derivation.P95): _Rule("slow_work", ("variable", "cap"), ("headroom",)),
    (RemedyKind.SET_ENV, Derivation.ADDRESS): _Rule(
        "address", because="the dependency names its variable and its address"
    ),
    (RemedyKind.SET_ENV, Derivation.LAST_GOOD): _Rule(takes=("variable",), because="the last good revision says it"),
    (RemedyKind.SET_RESOURCES, Derivation.RAISED): _Rule(needs=("setting", "headroom", "most")),
    (RemedyKind.RESTART, None): _Rule(because="it makes a new revision of the same"),
    (RemedyKind.ROLLBACK, None): _Rule(because="the last good revision says it"),
    (RemedyKind.PATCH, Derivation.LAST_GOOD): _Rule(because="the last good commit says it"),
    (RemedyKind.PATCH, None): _Rule(needs=("file",)),
    (RemedyKind.CONFIG_EDIT, None): _Rule(needs=("file", "key", "to")),
    (RemedyKind.COMMAND, None): _Rule(needs=("command",)),
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
            return PassedSpared() if model.passed == "spared" else PassedWarm()


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
    rule = _rule(document, place, model)
    if rule is not None:
        _check_rule(document, place, model, rule, looks)
    if model.setting and model.most:
        _check_most(document, (*place, "most"), model.setting, model.most)
    return Treatment(
        kind=model.kind,
        derived=model.value,
        variable=model.setting.value if model.setting else model.variable,
        headroom=model.headroom,
        cap=model.cap,
        most=model.most,
        file=model.file,
        key=model.key,
        value=model.to,
        argv=model.command,
    )


def _check_most(document: Document, place: Location, setting: Setting, most: str) -> None:
    try:
        amount_of(setting, most)
    except ValueError as error:
        document.report(place, str(error), "write it as gcloud takes it: 2Gi, 2, 80, 300s")


def _rule(document: Document, place: Location, model: RemedyModel) -> _Rule | None:
    """The rule for a remedy's kind and value; a kind without a value that it needs is reported."""
    values = [value.value for kind, value in _RULES if kind is model.kind and value]
    who = quoted(f"kind: {model.kind.value}")
    if model.kind is RemedyKind.AGENT:
        hint = "the environment's 'agent' is asked where no cause has one"
        document.report((*place, "kind"), f"{who} is no remedy of a cause", hint)
    elif (rule := _RULES.get((model.kind, model.value if values else None))) is not None:
        return rule
    elif model.value is None:
        if document.at((*place, "value")) is None and not has_unknown_keys(RemedyModel, document, place):
            document.report((*place, "value"), f"{who} needs 'value'", f"it is {' or '.join(values)}")
    else:
        message = f"{who} takes no value {quoted(model.value.value)}"
        document.report((*place, "value"), message, f"it is {' or '.join(values)}")
    return None


def _check_rule(document: Document, place: Location, model: RemedyModel, rule: _Rule, looks: Sequence[str]) -> None:
    is_derived = model.value is not None and (model.kind, model.value) in _RULES
    key, word = ("value", model.value.value) if is_derived and model.value else ("kind", model.kind.value)
    taken = {*rule.needs, *rule.takes, *(("value",) if is_derived else ())}
    who = quoted(f"{key}: {word}")
    if rule.look and looks and all(looks) and rule.look not in looks:
        document.report((*place, key), f"{who} needs a why with {quoted(rule.look)} in its cause")
    for other in _KEYS:
        if document.at((*place, other)) is not None and other not in taken:
            document.report((*place, other), f"{who} takes no {quoted(other)}", rule.because, key=True)
    for other in rule.needs:
        if document.at((*place, other)) is None and not has_unknown_keys(RemedyModel, document, place):
            document.report((*place, other), f"{who} needs {quoted(other)}")
