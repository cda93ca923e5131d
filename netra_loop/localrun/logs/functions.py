"""The functions of the log query language."""

import ipaddress
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from netra_loop.localrun.fields import Document
from netra_loop.localrun.logs.index import column_condition, normal, split_log_name
from netra_loop.localrun.logs.match import Filter, Path, field_values, text_of

UNSUPPORTED = ("cast", "regexp_extract", "source")
WORD = re.compile(r"[^\W_]+")

Arguments = Sequence[tuple[Path, str]]  # each as the field it may name, and as a text
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def call(name: str, arguments: Arguments) -> Filter:
    """The filter a function stands for. Raises ValueError for arguments that it does not take."""
    if name in UNSUPPORTED:
        raise ValueError(f"the embedded Cloud Run does not support the function {name}")
    if len(arguments) not in FUNCTIONS[name][1]:
        raise ValueError(f"{name} does not take {len(arguments)} arguments")
    return FUNCTIONS[name][0](arguments)


def _log_id(arguments: Arguments) -> Filter:
    """`log_id("run.googleapis.com/stdout")`: the entries of a log, whatever the project."""
    wanted = normal(arguments[0][1])
    return Filter(
        lambda entry: split_log_name(entry.get("logName", ""))[1] == wanted, column_condition("log_id", "=", wanted)
    )


def _search(arguments: Arguments) -> Filter:
    """`SEARCH("one two")`, `SEARCH(field, "`one two`")`: all words, in any case and order; a phrase in backticks."""
    path = arguments[0][0] if len(arguments) == 2 else ()
    phrases = [
        WORD.findall(part)
        for index, quoted in enumerate(arguments[-1][1].lower().split("`"))
        for part in ([quoted] if index % 2 else quoted.split())
    ]
    wanted = [f" {' '.join(words)} " for words in phrases if words]
    if not wanted:
        raise ValueError("SEARCH needs a word to look for")
    return Filter(partial(_has_words, path, wanted))


def _sample(arguments: Arguments) -> Filter:
    """`sample(insertId, 0.25)`: that fraction of the entries, always the same ones."""
    path, fraction = arguments[0][0], arguments[1][1]
    if not re.fullmatch(r"0?\.\d+|[01](\.0+)?", fraction):
        raise ValueError(f"'{fraction}' is no fraction from 0 to 1")
    limit = float(fraction) * 2**32
    return Filter(lambda entry: any(_hash(value) < limit for value in field_values(entry, path)))


def _ip_in_net(arguments: Arguments) -> Filter:
    """`ip_in_net(jsonPayload.address, "10.0.0.0/8")`: the entries with an address within a network."""
    path, text = arguments[0][0], arguments[1][1]
    network = ipaddress.ip_network(text, strict=False)
    return Filter(lambda entry: any(_is_within(network, value) for value in field_values(entry, path)))


FUNCTIONS: dict[str, tuple[Callable[[Arguments], Filter], Sequence[int]]] = {
    "log_id": (_log_id, (1,)),
    "SEARCH": (_search, (1, 2)),
    "sample": (_sample, (2,)),
    "ip_in_net": (_ip_in_net, (2,)),
}
NAMES = (*FUNCTIONS, *UNSUPPORTED)


def _has_words(path: Path, wanted: Sequence[str], entry: Document) -> bool:
    found = field_values(entry, path)
    texts = [f" {' '.join(WORD.findall(text.lower()))} " for value in found for text in _texts(value)]
    return all(any(words in text for text in texts) for words in wanted)


def _texts(value: Any) -> Iterator[str]:
    """All texts of a value and below it."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield text_of(value)


def _hash(value: Any) -> int:
    return zlib.crc32(text_of(value).encode(errors="replace"))


def _is_within(network: Network, value: Any) -> bool:
    try:
        return ipaddress.ip_address(text_of(value)) in network
    except ValueError:
        return False
