"""What a process is started with: the command line, the environment and a free port."""

import itertools
import os
import random
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from netra_loop.localrun.fields import Document
from netra_loop.localrun.runtime.images import Image
from netra_loop.localrun.services.model import Revision

# Below the range from which the kernel takes the ports of outgoing connections, so that none of these is in our way.
PORTS = range(20000, 30000)

MARK = "NETRA_LOOP_LOCAL"  # the variable that tells the processes of one state folder from all others


def command_line(image: Image, container: Document) -> list[str]:
    """The container's own command, else the Procfile's `web:` line through a shell, so that $PORT expands in it."""
    if container["command"]:
        return [*container["command"], *container["args"]]
    if container["args"]:
        return ["/bin/sh", "-c", f'exec {image.command} "$@"', "sh", *container["args"]]
    return procfile_command(image)


def procfile_command(image: Image) -> list[str]:
    """The Procfile's `web:` line as it stands."""
    return ["/bin/sh", "-c", f"exec {image.command}"]


def working_folder(image: Image, container: Document) -> Path:
    """Where a process begins: the image's folder, or its `workingDir` below that; an absolute one is this machine's."""
    return Path(image.folder, container.get("workingDir", ""))


def environment(revision: Revision, port: int) -> dict[str, str]:
    """The basic environment, the service's own variables and the runtime contract's."""
    own = {variable["name"]: variable["value"] for variable in revision.template["containers"][0]["env"]}
    return basic_environment() | own | contract(revision, port) | mark()


def basic_environment() -> dict[str, str]:
    """PATH with our interpreter's folder first, HOME, LANG, the mark of our processes, and nothing else of ours.

    PYTHONDONTWRITEBYTECODE keeps an image unchanged even where file modes do not, for root.
    """
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "PYTHONDONTWRITEBYTECODE": "1",
        **mark(),
    }


def mark() -> dict[str, str]:
    """What our processes are found by should we be killed; nobody else may say it."""
    return {MARK: os.environ.get(MARK, "")}


def contract(revision: Revision, port: int) -> dict[str, str]:
    """The variables of the Knative runtime contract."""
    service = revision.id.service.name
    return {"PORT": str(port), "K_SERVICE": service, "K_REVISION": revision.id.name, "K_CONFIGURATION": service}


def free_ports() -> Iterator[int]:
    """Ports that nobody listens on, one after another, so that instances that start at once never share one."""
    for number in itertools.count(random.randrange(len(PORTS))):
        port = PORTS[number % len(PORTS)]
        if _is_free(port):
            yield port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True
