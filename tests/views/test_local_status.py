"""What `local status` and `local fault` print."""

from typing import Any

from netra_loop.views.local_status import armed_faults, local_status

STATUS: dict[str, Any] = {
    "url": "http://127.0.0.1:1",
    "pid": 7,
    "started": "2026-01-02T03:04:05Z",
    "memory": 31_400_000,
    "state": {"damage": ""},
    "services": [
        {
            "name": "shop",
            "url": "http://127.0.0.1:2",
            "revisions": [
                {"name": "shop-1", "ready": True, "instances": [{"memory": 20_000_000}, {"memory": 1_500_000}]},
                {"name": "shop-2", "ready": False, "instances": []},
            ],
            "traffic": [
                {"revision": "shop-1", "percent": 100},
                {"revision": "shop-1", "tag": "prod", "uri": "http://127.0.0.1:3"},
            ],
        }
    ],
    "backing": [{"name": "store", "address": "127.0.0.1:4", "pid": 8, "alive": False}],
}


def test_it_shows_every_revision_with_its_traffic_instances_memory_and_addresses() -> None:
    assert local_status(STATUS).splitlines() == [
        "the embedded Cloud Run answers at http://127.0.0.1:1, pid 7, since 2026-01-02T03:04:05Z, 31.4 MB",
        "SERVICE  REVISION  READY  TRAFFIC  INSTANCES  MEMORY   URL",
        "shop     shop-1    yes    100 %    2          21.5 MB  http://127.0.0.1:2 http://127.0.0.1:3",
        "shop     shop-2    no     0 %      0          0.0 MB   -",
        "",
        "NAME   ADDRESS      PID  ALIVE",
        "store  127.0.0.1:4  8    no",
    ]


def test_what_could_not_be_read_is_said() -> None:
    lines = local_status(STATUS | {"state": {"damage": "state.db could not be read"}}).splitlines()
    assert lines[1] == "state.db could not be read"


def test_faults_are_shown_with_what_is_left_of_them() -> None:
    fault = {"kind": "late-ready", "service": None, "delay": 2.5, "left": 3}
    assert armed_faults([fault]).splitlines() == [
        "FAULT       SERVICE  DELAY  TIMES LEFT",
        "late-ready  all      2.5 s  3",
    ]
    assert armed_faults([]) == "no fault is armed"
