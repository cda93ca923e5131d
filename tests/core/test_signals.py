"""Figures of requests and differences of revisions: computed, and none where there is nothing to compute them from."""

from __future__ import annotations

from netra_loop.core.logs import LogsSeen
from netra_loop.core.signals import Changed, changes, requests_seen

LOG = LogsSeen("backend", "q", "a/b", "backend-2", 4, False)


def test_requests_are_counted_by_the_class_of_their_status_and_their_latencies_ranked() -> None:
    seen = requests_seen(LOG, [(200, 0.1), (204, 0.3), (503, 2.0), (404, None), (0, None)])

    assert seen.by_status == {"2xx": 2, "4xx": 1, "5xx": 1, "none": 1}
    assert (seen.p50_s, seen.p95_s) == (0.3, 2.0)


def test_without_a_latency_there_is_no_percentile() -> None:
    assert (requests_seen(LOG, []).p50_s, requests_seen(LOG, [(200, None)]).p95_s) == (None, None)


def test_what_is_other_is_told_by_name_with_what_it_was_and_is() -> None:
    before = {"memory": "512Mi", "cpu": "1", "variable LIMIT": "8"}
    after = {"memory": "512Mi", "cpu": "2", "variable STORE": "10.0.0.1:6379"}

    assert changes(before, after) == (
        Changed("cpu", "1", "2"),
        Changed("variable LIMIT", "8", None),
        Changed("variable STORE", None, "10.0.0.1:6379"),
    )
    assert changes(before, before) == ()
