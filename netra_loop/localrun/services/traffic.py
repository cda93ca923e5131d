"""Traffic as a pure matter: reading targets, resolving them to revisions, and choosing one for a request."""

import re
from collections.abc import Iterable

from netra_loop.localrun.errors import invalid
from netra_loop.localrun.fields import Fields
from netra_loop.localrun.services.model import Allocation, Route, Service, Target

ALLOCATIONS = {
    0: "TRAFFIC_TARGET_ALLOCATION_TYPE_UNSPECIFIED",
    1: Allocation.LATEST.value,
    2: Allocation.REVISION.value,
}
TO_LATEST = (Target(Allocation.LATEST, "", 100, ""),)
TAG = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
SHORTEST_TAG = 3
LONGEST_TAG_AND_SERVICE = 46  # the tag becomes part of a host name: tag---service-hash


def read_targets(service: Fields, name: str) -> tuple[Target, ...]:
    """The `traffic` field of a service, everything to the latest ready revision when it is empty.

    Raises INVALID_ARGUMENT unless the percentages sum to 100 and the tags are valid and unique.
    """
    targets = tuple(_target(item, name) for item in service.each("traffic")) or TO_LATEST
    total = sum(target.percent for target in targets)
    if total != 100:
        raise service.wrong("traffic", f"percentages must sum to 100, not {total}")
    tags = [target.tag for target in targets if target.tag]
    if len(set(tags)) != len(tags):
        raise service.wrong("traffic", "each tag may be used only once")
    return targets


def _target(item: Fields, service: str) -> Target:
    item.expect_only(("type", "revision", "percent", "tag"))
    revision = item.text("revision").rpartition("/")[2]
    name = item.enum("type", ALLOCATIONS, ALLOCATIONS[0])
    allocation = Allocation.REVISION if revision else Allocation.LATEST
    if name != ALLOCATIONS[0] and name != allocation.value:
        raise item.wrong("revision", "must be given for a REVISION target and only for it")
    percent = item.number("percent", 0)
    if not 0 <= percent <= 100:
        raise item.wrong("percent", f"must be between 0 and 100, not {percent}")
    return Target(allocation, revision, percent, _tag(item, service))


def _tag(item: Fields, service: str) -> str:
    tag = item.text("tag")
    if tag and (len(tag) < SHORTEST_TAG or not TAG.fullmatch(tag)):
        raise item.wrong("tag", f"'{tag}' must be at least {SHORTEST_TAG} lower case letters, digits or hyphens")
    if tag and len(tag) + len(service) > LONGEST_TAG_AND_SERVICE:
        raise item.wrong("tag", f"tag and service name together are longer than {LONGEST_TAG_AND_SERVICE} characters")
    return tag


def require_known(targets: Iterable[Target], known: Iterable[str]) -> None:
    """Raise INVALID_ARGUMENT when a target names a revision that is not known."""
    names = set(known)
    for target in targets:
        if target.revision and target.revision not in names:
            raise invalid(f"traffic: Revision '{target.revision}' is not found.")


def awaited(service: Service) -> set[str]:
    """The revisions that must be ready before the traffic that was asked for can take effect."""
    return {target.revision or service.latest_created for target in service.traffic}


def resolve(service: Service) -> tuple[Route, ...]:
    """The traffic that was asked for, with LATEST resolved to the latest ready revision."""
    return tuple(Route(target, target.revision or service.latest_ready) for target in service.traffic)


def serving(service: Service) -> set[str]:
    """The revisions that traffic or a tag reaches now or will reach when the service has settled."""
    return {route.revision for route in service.routes} | awaited(service)


def shares(routes: Iterable[Route]) -> dict[str, int]:
    """The percentage of each revision that gets any; several lines of one are added up."""
    found: dict[str, int] = {}
    for route in routes:
        if route.target.percent:
            found[route.revision] = found.get(route.revision, 0) + route.target.percent
    return found


def share(service: Service, revision: str) -> int:
    """The percentage of a service's requests that a revision gets, or will get when the service has settled."""
    routes = (service.routes, resolve(service))
    return max(sum(route.target.percent for route in those if route.revision == revision) for those in routes)


def choose(routes: Iterable[Route], point: float) -> str:
    """The revision for a point in [0, 1): each gets its share of the line. Empty when nothing is routed."""
    left = point * 100
    for route in routes:
        left -= route.target.percent
        if left < 0:
            return route.revision
    return ""


def tagged(routes: Iterable[Route], tag: str) -> str:
    """The revision behind a tag, empty when there is none."""
    return next((route.revision for route in routes if route.target.tag == tag), "")


def tags(service: Service) -> set[str]:
    """The tags that are in effect or were asked for."""
    return {target.tag for target in (*service.traffic, *(route.target for route in service.routes)) if target.tag}
