"""`python -m netra_loop.localrun --state DIR`: starts the embedded Cloud Run and serves until it is stopped."""

import argparse
import asyncio
import resource
import secrets
import sys
from pathlib import Path

from netra_loop.localrun.runtime.group import Patience
from netra_loop.localrun.runtime.orphans import end_orphans, mark_children
from netra_loop.localrun.server import Server, Settings
from netra_loop.localrun.services.retention import MOST_REVISIONS
from netra_loop.localrun.state.home import Busy, Home

MOST_FILES = 8192
LOCKED = 75  # EX_TEMPFAIL


def main() -> int:
    """Returns the exit code: 0 after an orderly end, 75 when another server uses the folder."""
    arguments = _parser().parse_args()
    _allow_many_connections()
    patience = Patience(arguments.queue_seconds, arguments.instance_idle_seconds)
    settings = Settings(
        arguments.port, arguments.idle_minutes * 60, arguments.grace_seconds, patience, arguments.seed,
        arguments.most_revisions,
    )  # fmt: skip
    try:
        home = Home(arguments.state)
        with home.locked():
            end_orphans(home.mark, settings.grace)
            mark_children(home.mark)
            asyncio.run(_serve(home, settings))
    except Busy as error:
        sys.stderr.write(f"{error}\n")
        return LOCKED
    except OSError as error:
        sys.stderr.write(f"cannot serve: {error}\n")
        return 1
    return 0


async def _serve(home: Home, settings: Settings) -> None:
    await Server(home, settings).run()


def _allow_many_connections() -> None:
    """Each request to a service holds two sockets, and the usual limit of 1024 is soon reached."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m netra_loop.localrun", description="The embedded Cloud Run.")
    parser.add_argument(
        "--state", type=Path, required=True, help="folder for all that is kept: services, images, changes"
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1, the one before by default")
    parser.add_argument("--idle-minutes", type=float, default=15, help="end after so long without a request, 0: never")
    parser.add_argument("--grace-seconds", type=float, default=10, help="between SIGTERM and SIGKILL for an instance")
    parser.add_argument("--queue-seconds", type=float, default=10, help="a request waits so long for a free instance")
    parser.add_argument("--instance-idle-seconds", type=float, default=900, help="an idle instance is kept so long")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="for the dice of traffic splits")
    parser.add_argument("--most-revisions", type=int, default=MOST_REVISIONS, help="of one service; older ones go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
