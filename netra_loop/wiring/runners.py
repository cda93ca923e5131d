"""Which runner does a kind of act: a new kind is one line here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from netra_loop.core.plan import Kind, SuiteRunner
from netra_loop.wiring.cloud import gcloud_variables
from netra_loop.wiring.place import Place

if TYPE_CHECKING:
    from netra_loop.adapters.cloudlogs import CloudLogs
    from netra_loop.adapters.cloudrun import CloudRun
    from netra_loop.adapters.files import SessionFolder
    from netra_loop.adapters.publish import Publisher
    from netra_loop.adapters.redact import Redactor
    from netra_loop.adapters.remedies.workbench import Workbench
    from netra_loop.adapters.suites.rehearsal import Rehearse
    from netra_loop.adapters.suites.runner import Suites
    from netra_loop.ports import Runner
    from netra_loop.wiring.cloud import Endpoint


def runners(place: Place, folder: SessionFolder, endpoint: Endpoint, redactor: Redactor) -> dict[Kind, Runner]:
    from netra_loop.adapters.access.tokens import Tokens
    from netra_loop.adapters.calls import RENEWAL_WINDOW, Calls
    from netra_loop.adapters.cloudlogs import CloudLogs
    from netra_loop.adapters.cloudrun import CloudRun
    from netra_loop.adapters.remedies.workbench import Workbench

    cloud = CloudRun(endpoint.plan.environment, endpoint.url, Calls(RENEWAL_WINDOW), Tokens(redactor.learn))
    logs = CloudLogs(endpoint.plan.environment, endpoint.url)
    bench = Workbench(place.project, folder)
    return {
        **_of_services(place, folder, endpoint, redactor, cloud, bench),
        **_of_tests(place, folder, endpoint, redactor, cloud, logs),
        **_of_red(place, folder, redactor, cloud, logs, bench),
    }


def _of_services(
    place: Place, folder: SessionFolder, endpoint: Endpoint, redactor: Redactor, cloud: CloudRun, bench: Workbench
) -> dict[Kind, Runner]:
    """What deploys services, shifts their traffic and looks at them."""
    from netra_loop.adapters.deploy import DeployRunner
    from netra_loop.adapters.health import HealthRunner
    from netra_loop.adapters.prechecks import Prechecks
    from netra_loop.adapters.remedies.code import Sources
    from netra_loop.adapters.rollback import RollbackRunner
    from netra_loop.adapters.suites.collecting import Collector
    from netra_loop.adapters.traffic import ShiftRunner
    from netra_loop.adapters.websocket import WebSocketRunner

    publisher = _publisher(cloud, place, folder, endpoint, redactor)
    collector = Collector(place.project, place.state.pycache, redactor, endpoint.plan.environment)
    prechecks = Prechecks(place.project, folder, redactor, partial(collector.collect, slots=endpoint.plan.slots))
    return {
        Kind.DEPLOY: DeployRunner(cloud, publisher, prechecks, Sources(bench), place.project, folder),
        Kind.HEALTH: HealthRunner(cloud),
        Kind.WEBSOCKET: WebSocketRunner(cloud),
        Kind.PROMOTE: ShiftRunner(cloud),
        Kind.RESTORE: ShiftRunner(cloud),
        Kind.ROLLBACK: RollbackRunner(cloud),
    }


def _of_tests(
    place: Place, folder: SessionFolder, endpoint: Endpoint, redactor: Redactor, cloud: CloudRun, logs: CloudLogs
) -> dict[Kind, Runner]:
    """What runs suites, their controls, and commands of the project."""
    from netra_loop.adapters.command import CommandRunner
    from netra_loop.adapters.compliance import ComplianceRunner
    from netra_loop.adapters.suites.command_suite import CommandSuites
    from netra_loop.adapters.suites.control import ControlRunner
    from netra_loop.adapters.suites.control_cache import ControlCache
    from netra_loop.adapters.suites.pytest_suite import PytestSuites
    from netra_loop.adapters.suites.rehearsal import CommandRehearsal, PytestRehearsal
    from netra_loop.adapters.suites.runner import SuitesRunner
    from netra_loop.adapters.suites.witness import Witness

    pytest = PytestSuites(place.project, folder, place.state, redactor)
    commands = CommandSuites(place.project, folder, place.state.locks, redactor)
    by_runner: dict[SuiteRunner, Suites] = {SuiteRunner.PYTEST: pytest, SuiteRunner.COMMAND: commands}
    rehearse: dict[SuiteRunner, Rehearse] = {
        SuiteRunner.PYTEST: PytestRehearsal(pytest, place.project, folder, redactor),
        SuiteRunner.COMMAND: CommandRehearsal(commands),
    }
    suites = SuitesRunner(cloud, by_runner, Witness(logs), place.project, folder, place.state.locks)
    known = cloud if endpoint.is_up else None
    return {
        Kind.SUITE: suites,
        Kind.VERIFY: suites,
        Kind.CONTROL: ControlRunner(known, rehearse, place.project, folder, ControlCache(place.state.control)),
        Kind.RUN: CommandRunner(place.project, folder, redactor),
        Kind.COMPLIANCE: ComplianceRunner(place.project, folder, redactor),
    }


def _of_red(
    place: Place, folder: SessionFolder, redactor: Redactor, cloud: CloudRun, logs: CloudLogs, bench: Workbench
) -> dict[Kind, Runner]:
    """What reads logs, finds causes and applies remedies."""
    from netra_loop.adapters.ask import AskRunner
    from netra_loop.adapters.cloudlogs import LogsRunner
    from netra_loop.adapters.consult import Consultant
    from netra_loop.adapters.diagnose import DiagnoseRunner
    from netra_loop.adapters.remedies.code import CodeChanges
    from netra_loop.adapters.remedies.cure import CureRunner, UndoRunner
    from netra_loop.adapters.remedies.judge import judge
    from netra_loop.adapters.signals import Signals

    signals = Signals(cloud, logs, place.project, redactor)
    consultant = Consultant(place.project, folder, redactor)
    code = CodeChanges(place.project, bench, folder, redactor, judge)
    return {
        Kind.LOGS: LogsRunner(cloud, logs, folder, redactor),
        Kind.DIAGNOSE: DiagnoseRunner(cloud, logs, signals, folder, redactor, consultant),
        Kind.ASK: AskRunner(),
        Kind.CURE: CureRunner(code),
        Kind.UNDO: UndoRunner(code),
    }


def _publisher(
    cloud: CloudRun, place: Place, folder: SessionFolder, endpoint: Endpoint, redactor: Redactor
) -> Publisher:
    from netra_loop.adapters.gcloud import GcloudPublisher
    from netra_loop.adapters.publish import ApiPublisher

    if not endpoint.by_gcloud:
        return ApiPublisher(cloud, endpoint.build, place.project)
    environment = endpoint.plan.environment
    variables = gcloud_variables(place, environment, endpoint.url)
    return GcloudPublisher(cloud, environment, variables, place.project, folder, redactor)
