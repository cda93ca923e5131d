"""A program, never imported: runs one command and leaves nothing of it behind.

    python -I -S supervisor.py CONTROL_FD STATUS_FD GRACE -- COMMAND [ARG ...]

It makes itself the reaper of everything the command starts (Linux ``PR_SET_CHILD_SUBREAPER``), so that daemons that
left their session are still found. Bytes read from CONTROL_FD are orders: ``I`` SIGINT and ``T`` SIGTERM to the
command's process group, ``K`` SIGKILL to every descendant. The end of CONTROL_FD, which the kernel causes when
whoever started us dies in whatever way, means: SIGTERM, GRACE seconds, SIGKILL. To STATUS_FD it writes one JSON line
when the command runs, ``{"pid": n}``, and one when nothing is left, ``{"exit": code, "leaked": n}``: the code is the
command's own, 128 + n after signal n, 127 when it could not be started, and leaked counts descendants that outlived
the command.

Standard library only, no package of ours: it also serves the embedded Cloud Run, and it starts in the time of a bare
interpreter.
"""

import ctypes
import json
import os
import select
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SHORTEST_PAUSE, LONGEST_PAUSE = 0.0005, 0.02  # seconds between two looks for what is left


def prctl(option: int, value: int) -> None:
    """One prctl(2) call; silently nothing where the C library has none."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    if call is not None:
        call(option, value, 0, 0, 0)


def parents() -> dict[int, int]:
    """Every live process and its parent, zombies left out."""
    return {pid: parent for pid in everybody() if (parent := parent_of(pid))}


def everybody() -> list[int]:
    """The processes there are, the newest first, as long as their numbers have not wrapped around."""
    return sorted((int(entry) for entry in os.listdir("/proc") if entry.isdigit()), reverse=True)


def parent_of(pid: int) -> int:
    """The parent of a live process, 0 for a zombie and for what is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            state, parent = stat.read().rpartition(b")")[2].split()[:2]
    except (OSError, ValueError):
        return 0
    return 0 if state in (b"Z", b"X") else int(parent)


def descendants() -> list[int]:
    """Everything that runs below us now."""
    tree = parents()
    below: set[int] = {os.getpid()}
    while True:
        more = {pid for pid, parent in tree.items() if parent in below} - below
        if not more:
            return sorted(below - {os.getpid()})
        below |= more


def send(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def start(command: list[str]) -> int:
    """Fork the command into a session of its own; it dies with us even if we are killed. Returns its pid.

    Only once it can be reached there: a signal sent before would be lost.
    """
    reachable, closed_when_it_is = os.pipe()
    pid = os.fork()
    if pid:
        os.close(closed_when_it_is)
        os.read(reachable, 1)
        os.close(reachable)
        return pid
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.closerange(3, 4096)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


class Watch:
    """The command, what became of it, and the orders that arrive for it."""

    def __init__(self, command: list[str], control: int, grace: float) -> None:
        self.control = control
        self.grace = grace
        self.status: int | None = None
        self.deadline: float | None = None
        self.bell, ring = os.pipe()
        os.set_blocking(ring, False)
        os.set_blocking(self.bell, False)
        signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.pid = start(command)

    def reap(self) -> bool:
        """Collect every child that ended, ours and those the kernel handed to us; whether any is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.pid:
                code = os.waitstatus_to_exitcode(status)
                self.status = code if code >= 0 else 128 - code

    def group(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def order(self) -> None:
        """Obey what CONTROL_FD says; its end starts the ladder once."""
        orders = os.read(self.control, 64)
        if not orders:
            self.control = -1
            self.group(signal.SIGTERM)
            self.deadline = time.monotonic() + self.grace
        for letter in orders.decode("ascii", "replace"):
            if letter == "K":
                send(descendants(), signal.SIGKILL)
            elif letter in "IT":
                self.group(signal.SIGINT if letter == "I" else signal.SIGTERM)

    def wait(self) -> int:
        """Until the command itself has ended; returns its exit code."""
        while self.status is None:
            watched = [self.bell] + ([self.control] if self.control >= 0 else [])
            left = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
            ready = select.select(watched, [], [], left)[0]
            if self.bell in ready:
                os.read(self.bell, 4096)
            self.reap()
            if self.control in ready:
                self.order()
            if self.deadline is not None and time.monotonic() >= self.deadline:
                send(descendants(), signal.SIGKILL)
                self.deadline = time.monotonic() + 0.05
        return self.status

    def sweep(self) -> int:
        """Kill whatever outlived the command until nothing is left; returns how many there were.

        Whose parent dies is handed to us, so nobody is left when we have no child: a look at /proc may miss who forks
        and exits all the time, the kernel's count of our children does not. Such a one is met only by a kill that
        follows at once.
        """
        leaked = set(descendants())
        self.group(signal.SIGKILL)
        send(sorted(leaked), signal.SIGKILL)
        pause = SHORTEST_PAUSE
        while self.reap():
            for pid in everybody():
                if parent_of(pid) == os.getpid():
                    send([pid], signal.SIGKILL)
                    leaked.add(pid)
            time.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 1.2)
        return len(leaked)


def main(arguments: list[str]) -> int:
    control, status, grace = int(arguments[0]), int(arguments[1]), float(arguments[2])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)  # a test may signal its parent: only CONTROL_FD gives us orders
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    watch = Watch(arguments[4:], control, grace)

    def tell(line: dict[str, int]) -> None:
        try:
            os.write(status, json.dumps(line).encode() + b"\n")
        except OSError:
            return

    tell({"pid": watch.pid})
    code = watch.wait()
    leaked = watch.sweep()
    tell({"exit": code, "leaked": leaked})
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
