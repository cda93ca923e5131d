"""How a revision is made by gcloud: an argument list, a deadline of its own, and its words as evidence."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun, ServiceState
from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.output import Output
from netra_loop.adapters.publish import Order, Published, Tell, is_candidate, pinned, wait_for
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.supervise import FOLDER_VARIABLE, Ended, Supervision
from netra_loop.core.environment import Environment
from netra_loop.core.gcloudwords import advice_on
from netra_loop.core.names import TAG_PREFIX
from netra_loop.core.target import Target

SHARE_OF_TIME = 0.8  # of what the act has left: the rest is for looking at what became of it
LAST_WORDS = 300  # characters
VARIABLES = ".variables-"  # how the names of files with the variables of services begin


class GcloudFailed(Exception):
    """gcloud says that it could not do it."""


def installed() -> bool:
    """Whether there is a gcloud in PATH."""
    return shutil.which("gcloud") is not None


class GcloudPublisher:
    """`gcloud run deploy`. What a service was given by others (memory, secrets, ...) is kept, as gcloud keeps it."""

    def __init__(
        self,
        cloud: CloudRun,
        environment: Environment,
        variables: Mapping[str, str],
        project: Path,
        folder: SessionFolder,
        redactor: Redactor,
    ) -> None:
        """variables: what gcloud is told beside our own environment, such as where the embedded Cloud Run is."""
        self._cloud = cloud
        self._environment = environment
        self._variables = variables
        self._project = project
        self._folder = folder
        self._redactor = redactor

    async def image(self, target: Target) -> str:
        return target.image

    async def prepare(self, before: ServiceState | None) -> ServiceState | None:
        """Take our tags of earlier candidates away: gcloud keeps them, and one that never got ready holds all back."""
        if before is None or not any(share.tag.startswith(TAG_PREFIX) for share in before.wanted):
            return before
        operation = await to_thread.run_sync(self._cloud.shift, before, pinned(before))
        await wait_for(self._cloud, operation)
        return await to_thread.run_sync(self._cloud.service, before.name)

    async def publish(self, order: Order, before: ServiceState | None, tell: Tell) -> Published:
        output = Output(order.artifacts / "gcloud.txt", self._redactor)
        with _variables_file(self._folder.path, order.template.env) as file:
            argv = deploy_argv(self._environment, order, before, os.path.relpath(file, self._project))
            tell({"command": shlex.join(argv), "strategy": "candidate" if is_candidate(before) else "direct"})
            supervision = Supervision(
                argv,
                cwd=self._project,
                env=self._surroundings(),
                timeout=order.timeout * SHARE_OF_TIME,
                output=output,
                kids=self._folder.kids,
            )
            await supervision.run(lambda pid: tell({"pid": str(pid)}))
        evidence = output.evidence(f"gcloud run deploy {order.target.service}", self._folder)
        return Published((evidence,), _problem(supervision.ended, evidence.excerpt))

    def _surroundings(self) -> dict[str, str]:
        """Our environment; where gcloud is told its configuration, without any other that a shell may hold."""
        ours = {
            name: value for name, value in os.environ.items() if not (self._variables and name.startswith("CLOUDSDK_"))
        }
        return {
            **ours,
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_FILE_LOGGING": "true",  # its log would keep the service's variables as they are
            FOLDER_VARIABLE: str(self._folder.path),
            **self._variables,
        }


def deploy_argv(environment: Environment, order: Order, before: ServiceState | None, variables: str) -> list[str]:
    """The command. variables: the file with the service's variables, which a command line would show to everybody."""
    origin = ["--image", order.template.image] if order.template.image else ["--source", order.target.source]
    traffic = ["--no-traffic", "--tag", order.tag] if is_candidate(before) else []
    access = ["--no-allow-unauthenticated"] if before is None else []
    labels = ",".join(f"{name}={value}" for name, value in sorted(order.template.labels.items()))
    told = ["--env-vars-file", variables] if order.template.env else ["--clear-env-vars"]
    settings = [word for each, value in order.template.settings.items() for word in (each.flag, value)]
    return [
        *("gcloud", "run", "deploy", order.target.service, *origin),
        *("--project", environment.project, "--region", environment.region),
        *("--revision-suffix", order.tag, "--labels", labels),
        *(*told, *settings, *traffic, *access, "--format=json", "--quiet"),
    ]


def remove_variables(folder: Path) -> None:
    """Remove the variables that a killed session left in its folder; its gcloud must have ended."""
    for file in variables_files(folder):
        file.unlink()


def variables_files(folder: Path) -> list[Path]:
    """The files with the variables of services in a session's folder."""
    return sorted(folder.glob(f"{VARIABLES}*"))


@contextmanager
def _variables_file(folder: Path, variables: Mapping[str, str]) -> Iterator[str]:
    """The variables in a file (JSON, which is YAML) that only we can read, gone afterwards: they may be secrets."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=folder, prefix=VARIABLES, suffix=".yaml") as file:
        json.dump(dict(variables), file)
        file.flush()
        yield file.name


def _problem(ended: Ended, words: str) -> Exception | None:
    if ended.ended_by == "timeout":
        return GcloudFailed("gcloud did not end in its time and was ended")
    if ended.exit_code == 0:
        return None
    said = " ".join(words.split())[-LAST_WORDS:]
    advice = advice_on(words)
    return GcloudFailed(f"gcloud ended with exit {ended.exit_code}: {said}{f' ({advice})' if advice else ''}")
