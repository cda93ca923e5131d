"""Reads config/<environment>.yaml into the Environment: where the services live, and what each of them is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from posixpath import normpath

from netra_loop.adapters.planfile.auth import read_access
from netra_loop.adapters.planfile.dependencies import DependencyReader
from netra_loop.adapters.planfile.models import (
    ComplianceModel,
    EndpointModel,
    EnvironmentModel,
    HealthModel,
    IdentityModel,
    ProgramModel,
    ServiceModel,
    UsersModel,
    WebSocketModel,
)
from netra_loop.adapters.planfile.peers import read_peers
from netra_loop.adapters.planfile.sources import check_source
from netra_loop.adapters.planfile.structure import has_unknown_keys, read, with_places
from netra_loop.adapters.planfile.values import ALL
from netra_loop.adapters.planfile.yamldocument import Document, Location, quoted
from netra_loop.core.compliance import Checker
from netra_loop.core.environment import Environment, OutsideProgram, Users
from netra_loop.core.names import too_long
from netra_loop.core.target import Endpoint, HealthCheck, Identity, Target, WebSocketCheck

MAX_SERVICES = 1000
DIAGNOSE_TIMEOUT, REPAIR_TIMEOUT = 60.0, 600.0  # seconds, for a program whose file says nothing
_KEY = re.compile(r"[a-z][a-z0-9-]{0,38}")


def read_environment(document: Document, project: Path) -> Environment | None:
    """The environment a document describes, None without one; every mistake is reported.

    It always knows each service by name. Where there were mistakes it holds stand-ins, good for checking other files
    against it and for nothing else.
    """
    if document.value is None:
        return None
    environment = Path(document.file).stem
    model = read(EnvironmentModel, document, ())
    users = _users(document, ("users",))
    compliance = _compliance(document, ("compliance",))
    diagnose = _program(document, ("diagnose",), DIAGNOSE_TIMEOUT)
    agent = _program(document, ("agent",), REPAIR_TIMEOUT)
    places = list(document.entries(("services",)))
    if len(places) > MAX_SERVICES:
        document.report(("services",), f"more than {MAX_SERVICES} services are too many", key=True)
        places = []
    dependencies = DependencyReader(document, project)
    names = [str(place[-1]) for place in places]
    targets = tuple(_target(document, place, project, dependencies, names) for place in places)
    _refuse_same_service(document, targets)
    if model is None:
        return Environment(environment, "", "", "", targets, compliance=compliance)
    return Environment(
        name=environment,
        endpoint=model.endpoint,
        project=model.project,
        region=model.region,
        targets=targets,
        users=users,
        timeouts=model.timeouts,
        remedies=model.remedies,
        deployer=model.deployer,
        diagnose=diagnose,
        compliance=compliance,
        agent=agent,
        remedy_modes=model.remedy_modes,
        protect=model.protect,
    )


def _users(document: Document, place: Location) -> Users | None:
    if document.at(place) is None:
        return None
    model = read(UsersModel, document, place)
    if model is None:
        return None
    pool = tuple(user for _, user in with_places(document, (*place, "pool"), model.pool))
    return Users(pool, model.mode)


def _program(document: Document, place: Location, timeout: float) -> OutsideProgram | None:
    if document.at(place) is None:
        return None
    model = read(ProgramModel, document, place)
    return OutsideProgram(model.command, model.timeout or timeout, model.env) if model else None


def _compliance(document: Document, place: Location) -> Checker | None:
    if document.at(place) is None:
        return None
    model = read(ComplianceModel, document, place)
    if model is None:
        return None
    return Checker(model.command, model.mode, model.files, model.violations, model.listed, model.timeout)


def _refuse_same_service(document: Document, targets: tuple[Target, ...]) -> None:
    first: dict[str, str] = {}
    for target in targets:
        other = first.setdefault(target.service, target.name)
        if other != target.name:
            place = ("services", target.name, "service")
            document.report(
                place,
                f"{quoted(target.name)} is the same service on Cloud Run as {quoted(other)}",
                "give each its own name",
            )


def _target(
    document: Document, place: Location, project: Path, dependencies: DependencyReader, names: Sequence[str]
) -> Target:
    key = str(place[-1])
    _check_key(document, place, key)
    model = read(ServiceModel, document, place)
    if model is None:
        return Target(key, key)
    _check_origin(document, place, project)
    return Target(
        name=key,
        service=model.service or key,
        source=normpath(model.source) if model.source else "",
        image=model.image,
        env=model.env,
        health=_health(document, (*place, "health")),
        websocket=_websocket(document, (*place, "websocket")),
        dependencies=dependencies.read(place),
        identity=_identity(document, (*place, "identity")),
        access=read_access(document, (*place, "auth")),
        peers=read_peers(document, place, names),
        requires=model.requires,
        imports=model.imports,
        insecure=model.insecure,
        local=document.text(("endpoint",)) == "embedded",
    )


def _check_key(document: Document, place: Location, key: str) -> None:
    if key == ALL or not _KEY.fullmatch(key):
        hint = "lower case letters, digits and -, starting with a letter, at most 39; not 'all'"
        document.report(place, f"a service cannot be called {quoted(key)}", hint, key=True)
    elif document.at((*place, "service")) is None and (problem := _no_name(key)):
        document.report(place, f"{quoted(key)} {problem}", "name the service there with 'service'", key=True)


def _no_name(key: str) -> str:
    """Why a key cannot be the service's name on Cloud Run too; empty when it can."""
    return "is no name on Cloud Run" if key.endswith("-") else too_long(key)


def _check_origin(document: Document, place: Location, project: Path) -> None:
    given = [key for key in ("source", "image") if document.at((*place, key)) is not None]
    if len(given) > 1 or not (given or has_unknown_keys(ServiceModel, document, place)):
        document.report(place, f"{quoted(str(place[-1]))} needs exactly one of 'source' and 'image'", key=True)
    if "image" in given and document.at((*place, "imports")) is not None:
        document.report((*place, "imports"), "'imports' needs 'source'", "an image is not looked into", key=True)
    check_source(document, (*place, "source"), project)


def _health(document: Document, place: Location) -> HealthCheck | None:
    if document.at(place) is None:
        return None
    model = read(HealthModel, document, place)
    endpoints = (read(EndpointModel, document, each) for each in document.items((*place, "endpoints")))
    also = tuple(Endpoint(**dict(endpoint)) for endpoint in endpoints if endpoint)
    if model is None:
        return HealthCheck("/")
    if model.spread >= model.deadline:
        document.report((*place, "spread"), "'spread' must be shorter than 'deadline'", f"which is {model.deadline:g}s")
    return HealthCheck(**dict(model) | {"endpoints": also})


def _websocket(document: Document, place: Location) -> WebSocketCheck | None:
    if document.at(place) is None:
        return None
    model = read(WebSocketModel, document, place)
    return WebSocketCheck(**dict(model)) if model else WebSocketCheck("/")


def _identity(document: Document, place: Location) -> Identity | None:
    if document.at(place) is None:
        return None
    model = read(IdentityModel, document, place)
    given = [key for key in ("header", "pointer") if document.at((*place, key)) is not None]
    if len(given) > 1 or not (given or has_unknown_keys(IdentityModel, document, place)):
        document.report(place, "'identity' needs exactly one of 'header' and 'pointer'", key=True)
    elif given == ["pointer"] and document.at((*place, "path")) is None:
        document.report(place, "missing key 'path'", "the pointer leads into the answer to it", key=True)
    return Identity(model.path or "/", model.header, model.pointer) if model else None
