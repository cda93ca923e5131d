"""A pytest plugin that writes down, test by test, what a suite really did on the network.

It runs in the suite's own environment (Python 3.9+, pytest 7+, standard library only), loaded with
``pytest -p netra_loop_evidence -o enable_assertion_pass_hook=true``. Options on the command line would move pytest's
search for the root directory, so it is told what to do by its environment alone:

``NETRA_LOOP_EVIDENCE_STREAM``
    The file to append JSON lines to. Without it the plugin does nothing at all.
``NETRA_LOOP_EVIDENCE_TARGETS``
    A JSON list of ``host:port``: whose bytes count as contact.
``NETRA_LOOP_EVIDENCE_NONCE``
    A random string, echoed in the first line, that shows the stream is of this run.
``NETRA_LOOP_EVIDENCE_ALONE``
    ``1`` if nobody else talks to the targets while the suite runs: what the kernel sees of children then counts.
``NETRA_LOOP_EVIDENCE_KERNEL``
    ``off`` to do without the kernel's facts.
``NETRA_LOOP_EVIDENCE_SELECT``
    A file with a JSON list of test ids: nothing else is run. Without it everything is.
``NETRA_LOOP_EVIDENCE_REDIRECT``
    A JSON object of ``host:port`` or ``host`` to ``ip:port``: who connects to one meets the other. Stream or not.

Lines, in this order: ``hello``, ``collected`` (several), ``collection_ended``, then ``started`` and ``result`` of each
test, and ``ended`` unless the process was killed. Under pytest-xdist the controller alone writes; what a worker saw
travels to it on the test's reports.
"""

from __future__ import annotations

import json
import os

import pytest
from netra_loop_sockets import Targets

from .observer import Observer
from .redirect import Redirect
from .scribe import Scribe
from .selection import Selection
from .stream import Stream

_STREAM = "NETRA_LOOP_EVIDENCE_STREAM"
_TARGETS = "NETRA_LOOP_EVIDENCE_TARGETS"
_NONCE = "NETRA_LOOP_EVIDENCE_NONCE"
_ALONE = "NETRA_LOOP_EVIDENCE_ALONE"
_SELECT = "NETRA_LOOP_EVIDENCE_SELECT"
_REDIRECT = "NETRA_LOOP_EVIDENCE_REDIRECT"


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Lead connections elsewhere before the first line of the suite runs; its ``conftest.py`` may connect already."""
    if elsewhere := os.environ.get(_REDIRECT):
        Redirect(json.loads(elsewhere)).install()


def pytest_configure(config: pytest.Config) -> None:
    """Watch where tests run and write where pytest reports: one process, or a controller and its workers."""
    stream_path = os.environ.get(_STREAM)
    if not stream_path:
        return
    targets = _targets()
    is_worker = hasattr(config, "workerinput")
    has_workers = config.getoption("dist", "no") != "no"
    if not is_worker:
        nonce = os.environ.get(_NONCE, "")
        config.pluginmanager.register(Scribe(Stream(stream_path), targets, nonce, has_workers))
    if is_worker or not has_workers:
        # Workers share the network with one another.
        config.pluginmanager.register(Observer(targets, alone=os.environ.get(_ALONE) == "1" and not is_worker))
        if chosen := os.environ.get(_SELECT):
            config.pluginmanager.register(Selection(chosen))
        # A pytest session that a test starts in turn would mix its results into ours.
        del os.environ[_STREAM]


def _targets() -> Targets:
    declared = os.environ.get(_TARGETS) or "[]"
    try:
        return Targets([str(target) for target in json.loads(declared)])
    except (TypeError, ValueError) as error:
        raise pytest.UsageError(f"{_TARGETS} must be a JSON list of host:port, not {declared}") from error
