"""The traffic split: each revision gets its share, by dice that can be thrown again, and no switch loses a request."""

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from statistics import NormalDist
from urllib.parse import urlsplit

import pytest

from tests.localrun.cloud import Cloud, service_body, to_revision, write_echo_app

CLIENTS = 50
CONFIDENCE = 0.9999
REQUESTS = 2000


class Asker:
    """One client on one connection."""

    def __init__(self, uri: str) -> None:
        self._connection = HTTPConnection(urlsplit(uri).netloc, timeout=20)

    def ask(self) -> str:
        """The revision that answered; fails when nobody did."""
        self._connection.request("GET", "/")
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return str(json.loads(body)["revision"])


@pytest.fixture
def split(cloud: Cloud, echo: str, name: str) -> Iterator[Callable[[int], str]]:
    """Gives the revision `b` of a service a percentage, and `a` the rest; returns the address."""

    def set_percent(percent: int) -> str:
        traffic = [to_revision(f"{name}-a", 100 - percent), to_revision(f"{name}-b", percent)]
        return str(cloud.deploy(name, {"traffic": traffic}, updateMask="traffic")["uri"])

    for revision in ("a", "b"):
        cloud.deploy(name, service_body(echo, revision=f"{name}-{revision}", env={"VERSION": revision}))
    yield set_percent


def test_each_revision_gets_its_share(cloud: Cloud, split: Callable[[int], str], name: str) -> None:
    client = Asker(split(10))
    seen = Counter(client.ask() for _ in range(REQUESTS))
    expected = NormalDist(REQUESTS * 0.1, (REQUESTS * 0.1 * 0.9) ** 0.5)
    low, high = expected.inv_cdf((1 - CONFIDENCE) / 2), expected.inv_cdf((1 + CONFIDENCE) / 2)
    assert seen.total() == REQUESTS
    assert low <= seen[f"{name}-b"] <= high, f"the seed was {cloud.get('/_local/status')['seed']}"


def test_a_seed_decides_how_the_split_falls_out(own_cloud: Callable[..., Cloud], tmp_path: Path) -> None:
    cloud = own_cloud("--seed", "42")
    image = cloud.build(write_echo_app(tmp_path / "source"))["reference"]
    cloud.deploy("dice", service_body(image, revision="dice-a"))
    split = {"traffic": [to_revision("dice-a", 50), to_revision("dice-b", 50)]}
    client = Asker(cloud.deploy("dice", service_body(image, revision="dice-b", env={"VERSION": "b"}) | split)["uri"])
    dice = random.Random(cloud.get("/_local/status")["seed"])
    expected = ["dice-a" if dice.random() < 0.5 else "dice-b" for _ in range(40)]
    assert [client.ask() for _ in range(40)] == expected
    assert cloud.get("/_local/status")["seed"] == 42


def test_fifty_clients_lose_no_request_when_traffic_is_switched(split: Callable[[int], str], name: str) -> None:
    uri = split(0)
    finished = threading.Event()
    begun = threading.Barrier(CLIENTS + 1)

    def ask_until_finished(_: int) -> Counter[str]:
        client = Asker(uri)
        seen = Counter([client.ask()])
        begun.wait(20)
        while not finished.is_set():
            seen[client.ask()] += 1
        return seen

    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(ask_until_finished, number) for number in range(CLIENTS)]
        begun.wait(20)
        for percent in (100, 0, 50, 100):
            split(percent)
        finished.set()
        seen = sum((task.result() for task in running), Counter[str]())
    assert set(seen) == {f"{name}-a", f"{name}-b"}
