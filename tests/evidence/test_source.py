"""What a test's source and run say against it: one suite of dishonest tests and honest twins, run once."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Servers
from .suites import Suite, Told

PRELUDE = """\
import asyncio, contextlib, os, time, unittest
import pytest, requests
from websockets.sync.client import connect

TARGET, WEBSOCKET, CLOSED = (os.environ[name] for name in ("TARGET", "WEBSOCKET", "CLOSED"))
OKAY = (200, 500)

def get(address=TARGET):
    return requests.get("http://" + address)

"""

SWALLOWS = {
    "an assertion that fails in a broad except": """
        def test_it():
            try:
                assert get().status_code == 500
            except Exception:
                pass
        """,
    "an assertion error, printed": """
        def test_it():
            answer = get()
            try:
                assert answer.text == "no"
            except (AssertionError, ValueError) as error:
                print(error)
            assert answer.status_code == 200
        """,
    "the only contact, and nothing is asserted of it": """
        def test_it():
            try:
                get().json()
            except Exception as error:
                print(error)
            assert True
        """,
    "a bare except in a loop that nobody asserts after": """
        def test_it():
            for _ in range(2):
                try:
                    assert get().text == "no"
                    break
                except:
                    pass
        """,
    "sample data in the place of the answer": """
        def test_it():
            try:
                data = get().json()
            except Exception:
                data = {"total": 2}
            assert data["total"] == 2
        """,
    "sample data, of a helper": """
        def fetch():
            try:
                return get().json()
            except Exception:
                return {"total": 2}

        def test_it():
            assert fetch()["total"] == 2
        """,
    "a refusal told as if it were an answer": """
        def test_it():
            get()
            try:
                get(CLOSED)
                outcome = "connected"
            except Exception as error:
                outcome = f"refused as expected: {error}"
            assert outcome
        """,
    "suppress around an assertion": """
        def test_it():
            with contextlib.suppress(Exception):
                answer = get()
                assert answer.text == "no"
        """,
    "a coroutine's assertion": """
        async def check():
            try:
                assert get().text == "no"
            except AssertionError:
                print("known")

        def test_it():
            asyncio.run(check())
            assert get().ok
        """,
    "a method's assertion": """
        class TestIt:
            def check(self):
                try:
                    assert get().text == "no"
                except AssertionError:
                    print("known")

            def test_it(self):
                self.check()
                assert get().ok
        """,
    "an assertion in a function inside": """
        def test_it():
            def check():
                try:
                    assert get().text == "no"
                except AssertionError:
                    print("known")

            check()
            assert get().ok
        """,
}

CONSTANT = {
    "true": "def test_it():\n    get()\n    assert True\n",
    "a sum of numbers": "def test_it():\n    get()\n    assert 1 + 1 == 2\n",
    "a thing that equals itself": "def test_it():\n    text = get().text\n    assert text == text\n",
    "a tuple with a message": "def test_it():\n    answer = get()\n    assert (answer.status_code == 204, 'none')\n",
    "anything or true": "def test_it():\n    assert 'no' in get().text or True\n",
    "no length is below zero": "def test_it():\n    assert len(get().text) >= 0\n",
    "a dict of the test's own": """
        def test_it():
            get()
            stats = {"sent": 95, "total": 100}
            rate = stats["sent"] / stats["total"]
            print(rate)
            assert stats["total"] == 100
            assert rate >= 0.9
        """,
    "a list of the test's own": """
        def test_it():
            get()
            events = ["started", "completed"]
            assert events[0] == "started" and len(events) == 2
        """,
    "unittest's": """
        class TestIt(unittest.TestCase):
            def test_it(self):
                get()
                self.assertTrue(True)
                self.assertEqual(
                    1,
                    1,
                )
        """,
    "all that comes after the answer": """
        def test_it():
            assert TARGET
            get()
            assert not False
        """,
    "of a helper": """
        def check():
            get()
            assert True

        def test_it():
            check()
        """,
}

ACCEPTS = {
    "success and any server error": "def test_it():\n    assert get().status_code in (200, 404, 500, 503)\n",
    "every status there is": "def test_it():\n    assert get().status_code < 600\n",
    "a range": "def test_it():\n    assert 100 <= get().status_code <= 599\n",
    "one or the other": "def test_it():\n    code = get().status_code\n    assert code == 200 or code == 503\n",
    "success and a refusal to let in": "def test_it():\n    assert get().status_code in [200, 401, 403]\n",
    "everything but one": "def test_it():\n    assert get().status_code != 404\n",
    "a server error among others, whatever else is asserted": """
        def test_it():
            answer = get()
            assert answer.status_code in {200, 500, 502}
            assert answer.text
        """,
    "a tuple of the module": "def test_it():\n    assert get().status_code in OKAY\n",
    "unittest's": """
        class TestIt(unittest.TestCase):
            def test_it(self):
                self.assertIn(get().status_code, [200, 503])
        """,
}

NEVER_RAN = {
    "a loop over nothing": """
        def test_it():
            for item in get().headers.get("items", []):
                assert item
        """,
    "a loop over nothing, after another assertion": """
        def test_it():
            answer = get()
            assert answer is not None
            for item in answer.headers.get("items", []):
                assert item["id"]
                if item["id"] == 1:
                    continue
                assert item["name"]
        """,
    "a branch not taken": """
        def test_it():
            answer = get()
            if answer.status_code != 200:
                assert answer.text == "ok"
        """,
    "a branch for healthy answers not taken, after another assertion": """
        def test_it():
            answer = get()
            answer.status_code = 503
            assert answer is not None
            if answer.status_code == 200:
                assert answer.text == "ok"
        """,
    "an early return": """
        def test_it():
            answer = get()
            assert answer is not None
            if answer.text == "ok":
                print("not deployed yet")
                return
            assert answer.text == "fine"
        """,
    "a callback never called": """
        def test_it():
            def check(answer):
                assert answer.text == "ok"

            get()
        """,
    "a coroutine never awaited": """
        @pytest.mark.filterwarnings("ignore")
        def test_it():
            async def check():
                assert get().ok

            get()
            check()
        """,
    "unittest's": """
        class TestIt(unittest.TestCase):
            def test_it(self):
                self.assertTrue(TARGET)
                if get().ok:
                    return
                self.assertEqual(1, 2)
        """,
}

HONEST = {
    "a plain assertion": "def test_it():\n    assert get().text == 'ok'\n",
    "a loop, a branch of two that assert": """
        def test_it():
            for answer in [get(), get()]:
                if answer.status_code == 200:
                    assert answer.text == "ok"
                else:
                    assert answer.status_code == 404
        """,
    "an optional part": """
        def test_it():
            answer = get()
            assert answer.text == "ok"
            if "next" in answer.headers:
                assert answer.headers["next"]
            if os.name == "nt":
                assert answer.headers["nt"]
        """,
    "a branch for failures": """
        def test_it():
            answer = get()
            if answer.status_code == 429:
                assert "Retry-After" in answer.headers
                return
            assert answer.text == "ok"
        """,
    "a branch that asserts and returns": """
        def test_it():
            answer = get()
            if answer.status_code == 200:
                assert answer.text == "ok"
                return
            assert answer.status_code == 404
        """,
    "an expected error": """
        def test_it():
            assert get().ok
            with pytest.raises(requests.RequestException) as caught:
                get(CLOSED)
            assert caught.value
        """,
    "an expected error by hand": """
        def test_it():
            assert get().ok
            try:
                get(CLOSED)
                assert False, "it must refuse"
            except requests.RequestException as error:
                assert error.request
        """,
    "an expected error, and else": """
        def test_it():
            assert get().ok
            try:
                get(CLOSED)
            except Exception as error:
                assert error.args
            else:
                pytest.fail("it must refuse")
        """,
    "a broad except that fails": """
        def test_it():
            try:
                text = get().text
            except Exception as error:
                pytest.fail(str(error))
            assert text == "ok"
        """,
    "a broad except that raises in the end": """
        def test_it():
            for attempt in range(3):
                try:
                    assert get(CLOSED if attempt == 0 else TARGET).ok
                    break
                except Exception:
                    if attempt == 2:
                        raise
        """,
    "retries and fails after them": """
        def test_it():
            for attempt in range(3):
                try:
                    assert get(CLOSED if attempt == 0 else TARGET).ok
                    break
                except Exception:
                    time.sleep(0)
            else:
                pytest.fail("never")
        """,
    "retries and asserts after them": """
        def test_it():
            answer = None
            for attempt in range(3):
                try:
                    answer = get(CLOSED if attempt == 0 else TARGET)
                    break
                except Exception:
                    continue
            assert answer is not None and answer.text == "ok"
        """,
    "polls with a deadline": """
        def test_it():
            deadline = time.monotonic() + 5
            ready = False
            addresses = [CLOSED, TARGET]
            while time.monotonic() < deadline and not ready:
                try:
                    ready = get(addresses.pop(0)).ok
                except Exception:
                    ready = False
            assert ready
        """,
    "asks a helper that answers no": """
        def is_up(address):
            try:
                get(address)
                return True
            except Exception:
                return False

        def test_it():
            assert is_up(TARGET)
            assert not is_up(CLOSED)
        """,
    "collects the errors": """
        def test_it():
            errors = []
            for address in (TARGET, TARGET):
                try:
                    assert get(address).text == "ok"
                    int("x")
                except Exception as error:
                    errors.append(error)
            assert [type(error) for error in errors] == [ValueError, ValueError]
        """,
    "cleans up": """
        def test_it():
            try:
                get(CLOSED)
            except Exception:
                pass
            answer = get()
            try:
                assert answer.text == "ok"
            finally:
                with contextlib.suppress(Exception):
                    get(CLOSED)
                try:
                    get(CLOSED)
                except Exception:
                    pass
        """,
    "cleans up in the end": """
        def test_it():
            answer = get()
            assert answer.text == "ok"
            with contextlib.suppress(Exception):
                get(CLOSED)
        """,
    "a broad except that never has to": """
        def test_it():
            try:
                text = get().text
            except Exception:
                text = "ok"
            assert text == "ok"
        """,
    "helpers assert": """
        def check(answer):
            assert answer.text == "ok"

        def test_it():
            answer = get()
            check(answer)
            if os.name == "nt":
                assert answer is None
        """,
    "says at the end that it came there": """
        def test_it():
            assert get().text == "ok"
            assert True
        """,
    "a server that may be full": """
        def test_it():
            answer = get()
            assert answer.status_code in (200, 503)
            assert answer.text == "ok"
        """,
    "created or there, gone or never there": """
        def test_it():
            assert get().status_code in (200, 201)
            assert get().status_code in (200, 204, 404)
            assert get().status_code < 500
            assert 200 <= get().status_code < 300
        """,
    "no token, no answer": """
        def test_it():
            answer = get()
            answer.status_code = 401
            assert answer.status_code in (401, 403)
        """,
    "counts in a variable": """
        def test_it():
            found = 0
            seen = []
            done = False
            for _ in range(2):
                found += get().ok
                seen.append(get().text)
                done = True
            assert found == 2
            assert seen == ["ok", "ok"]
            assert done
        """,
    "fills a dict elsewhere": """
        def fill(into):
            into["text"] = get().text

        def test_it():
            filled = {}
            fill(filled)
            assert filled == {"text": "ok"}
        """,
    "a callback's variable": """
        def test_it():
            text = None

            def ask():
                nonlocal text
                text = get().text

            ask()
            assert text == "ok"
        """,
    "compares two answers": "def test_it():\n    assert get().text == get().text\n",
    "a loop of messages": """
        def test_it():
            texts = []
            with connect("ws://" + WEBSOCKET) as connection:
                connection.send("a")
                connection.send("b")
                while True:
                    message = connection.recv(timeout=5)
                    texts.append(message)
                    if message == "b":
                        break
                    assert message == "a"
            assert texts == ["a", "b"]
        """,
    "unittest": """
        class TestIt(unittest.TestCase):
            def setUp(self):
                self.answer = get()

            def test_it(self):
                with self.subTest("text"):
                    self.assertEqual(self.answer.text, "ok")
                with self.assertRaises(ValueError):
                    int(self.answer.text)
                self.assertIn(
                    self.answer.status_code,
                    (200, 201),
                )
        """,
    "a function inside asserts": """
        def test_it():
            async def check():
                assert get().text == "ok"

            asyncio.run(check())
        """,
    "raise_for_status": "def test_it():\n    get().raise_for_status()\n",
    "a guard": """
        def test_it():
            answer = get()
            if answer.status_code != 200:
                raise AssertionError("bad")
            if answer.text != "ok":
                pytest.fail("worse")
        """,
    "a guard of a helper": """
        def check(answer):
            if answer.text != "ok":
                raise ValueError(answer.text)

        def test_it():
            check(get())
        """,
    "loops over what is there": """
        def test_it():
            answer = get()
            for name in ("content-length",):
                assert answer.headers[name] == "2"
            for name in answer.headers:
                if name == "x":
                    continue
                assert answer.headers[name]
        """,
}

TABLES = {"swallows": SWALLOWS, "constant": CONSTANT, "accepts_anything": ACCEPTS, "never_ran": NEVER_RAN, "": HONEST}
CASES = [(smell, sentence, source) for smell, table in TABLES.items() for sentence, source in table.items()]


def _file(number: int) -> str:
    return f"test_case_{number:03}.py"


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory, compiled: Path, servers: Servers) -> Told:
    """All cases, run in one session."""
    suite = Suite(tmp_path_factory.mktemp("source") / "project", compiled)
    for number, (_, _, source) in enumerate(CASES):
        suite.write(_file(number), PRELUDE + textwrap.dedent(source))
    told = suite.run(targets=servers.targets, env=servers.env)
    assert told.exit_code == 0, told.output
    return told


_NUMBERED = [
    pytest.param(n, smell, id=f"{smell or 'honest'}: {sentence}") for n, (smell, sentence, _) in enumerate(CASES)
]


@pytest.mark.parametrize(("number", "smell"), [each for each in _NUMBERED if each.values[1]])
def test_what_speaks_against_a_test_is_named(everything: Told, number: int, smell: str) -> None:
    assert smell in _facts(everything, number)["smells"]


@pytest.mark.parametrize(("number", "smell"), [each for each in _NUMBERED if not each.values[1]])
def test_honest_tests_smell_of_nothing_and_verify_what_the_target_answered(
    everything: Told, number: int, smell: str
) -> None:
    facts = _facts(everything, number)

    assert (facts["smells"], facts["asserts_after"] > 0) == ([], True)


def _facts(told: Told, number: int) -> dict[str, Any]:
    (facts,) = [
        result["facts"]
        for result in told.of_kind("result")
        if result["id"].startswith(_file(number)) and result["id"].endswith("::test_it")
    ]
    return dict(facts)


def test_assertions_that_were_compiled_away_are_named(told: Callable[..., Told]) -> None:
    run = told("def test_it():\n    assert True\n", env={"PYTHONOPTIMIZE": "1"})

    assert "optimised" in run.result("test_it")["facts"]["smells"]
