"""The one way to a Plan: reads a plan and its configuration, and joins them or tells every mistake."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

from netra_loop.adapters.planfile.suggest import known_words
from netra_loop.adapters.planfile.values import Wrong, environment_name
from netra_loop.adapters.planfile.yamldocument import Document, Scalar, quoted
from netra_loop.adapters.planfile.yamlfile import read_document
from netra_loop.core import codec
from netra_loop.core.errors import Mistake, PlanError
from netra_loop.core.plan import Budget, Plan
from netra_loop.diagnosis.latencies import contradictions

PLANS = "phases"
CONFIG = "config"
DEFAULT_PLAN = Path(PLANS) / "default.yaml"
SUITES = Path(CONFIG) / "suites.yaml"
KNOWLEDGE = Path(CONFIG) / "knowledge.yaml"


def load_plan(project: Path, plan_file: Path | None = None, environment: str | None = None) -> Plan:
    """The plan in a file (relative to the project; `phases/default.yaml`), for an environment (the plan's own).

    Nothing is selected yet: `focused` does that. The digest is the sha256 of everything in the plan and stays the same
    as long as that does. Raises PlanError with every mistake of the plan, its environment, the suite index and the
    knowledge, which is empty where a project has none.
    """
    plan_document = _plan_document(project, plan_file or DEFAULT_PLAN)
    suites_document = read_document(project / SUITES, SUITES.as_posix())
    environment_document = _environment_document(project, environment or _written_environment(plan_document))
    documents = [plan_document, suites_document, environment_document, _knowledge_document(project)]
    plan = _joined(project, *documents)
    mistakes = [mistake for document in documents for mistake in document.mistakes]
    if plan is None or mistakes:
        raise PlanError(list(dict.fromkeys(mistakes)))
    return replace(plan, digest=digest(plan))


def warnings(project: Path, plan: Plan) -> list[Mistake]:
    """The limits of a plan that those around them end first, each where the inner one is written, or what holds it.

    The plan is one that was loaded from this project, so that its files hold no mistakes.
    """
    suites = read_document(project / SUITES, SUITES.as_posix())
    environment = _environment_document(project, plan.environment.name)
    for each in contradictions(plan):
        if each.place[0] == "suites":
            ids = {suites.text((*item, "id")): item for item in suites.items(("suites",))}
            suites.report((*ids[each.place[1]], *each.place[2:]), each.text)
        else:
            environment.report(each.place, each.text)
    return [replace(mistake, level="warning") for mistake in (*environment.mistakes, *suites.mistakes)]


def known_environments(project: Path) -> list[str]:
    """The names of the environments a project describes, sorted."""
    return sorted(path.stem for path in (project / CONFIG).glob("*.yaml") if _is_environment(path.stem))


def digest(plan: Plan) -> str:
    """The sha256 of a plan, in hex: the same for equal plans, whatever the order of their mappings."""
    canonical = json.dumps(codec.plain(replace(plan, digest="")), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _joined(
    project: Path,
    plan_document: Document,
    suites_document: Document,
    environment_document: Document,
    knowledge_document: Document,
) -> Plan | None:
    """The plan the documents describe together; None, or full of stand-ins, where a mistake was reported."""
    # What needs pydantic is imported here: commands that read no plan shall not wait for it.
    from netra_loop.adapters.planfile.knowledge import read_knowledge
    from netra_loop.adapters.planfile.models import BudgetModel, PlanModel
    from netra_loop.adapters.planfile.phases import read_phases
    from netra_loop.adapters.planfile.promotion import read_promotion
    from netra_loop.adapters.planfile.settings import read_environment
    from netra_loop.adapters.planfile.structure import read
    from netra_loop.adapters.planfile.suiteindex import read_suites

    environment = read_environment(environment_document, project)
    index = read_suites(suites_document, environment, project)
    model = read(PlanModel, plan_document, ())
    budget = read(BudgetModel, plan_document, ("budget",)) if plan_document.at(("budget",)) else BudgetModel()
    promotion = read_promotion(plan_document)
    phases = read_phases(plan_document, environment, index, promotion)
    knowledge = read_knowledge(knowledge_document)
    if model is None or budget is None or environment is None or index is None:
        return None
    return Plan(
        name=model.name,
        digest="",
        environment=environment,
        phases=phases,
        suites=index.suites,
        budget=Budget(**dict(budget)),
        remedies=environment.remedies,
        knowledge=knowledge,
        promotion=promotion,
    )


def _plan_document(project: Path, plan_file: Path) -> Document:
    path = project / plan_file
    shown = path.relative_to(project).as_posix() if path.is_relative_to(project) else str(path)
    known = sorted(f"{PLANS}/{each.name}" for each in (project / PLANS).glob("*.yaml"))
    return read_document(path, shown, if_missing=known_words(shown, known))


def _written_environment(plan_document: Document) -> str:
    """The environment that the plan names; empty where it names none, or none that could be: the plan tells that."""
    name = plan_document.text(("environment",))
    return name if _is_environment(name) else ""


def _environment_document(project: Path, name: str) -> Document:
    document = Document(f"{CONFIG}/{name}.yaml")
    known = known_environments(project)
    if name in known:
        return read_document(project / document.file, document.file)
    if name:
        document.refuse(f"there is no environment {quoted(name)}", known_words(name, known))
    return document


def _knowledge_document(project: Path) -> Document:
    """What the project knows of causes; a document that says nothing, and nothing wrong, where there is no file."""
    path, shown = project / KNOWLEDGE, KNOWLEDGE.as_posix()
    return read_document(path, shown) if os.path.lexists(path) else Document(shown)


def _is_environment(name: str) -> bool:
    try:
        environment_name(Scalar(name, plain=True))
    except Wrong:
        return False
    return True
