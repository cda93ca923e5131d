"""What the entries of a revision say, and what of it is otherwise than in the last good session of its target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from anyio import to_thread

from netra_loop.adapters.cloudlogs import LONGEST_QUOTE, CloudLogs, LogLine, log_query
from netra_loop.adapters.redact import Redactor
from netra_loop.core.events import GoodRevision
from netra_loop.core.goodness import tested_by
from netra_loop.core.logs import Comparison, LogsSeen, Pattern
from netra_loop.core.session import Iteration, Session
from netra_loop.core.target import Target
from netra_loop.diagnosis.patterns import Mined, mined, top
from netra_loop.diagnosis.scene import LogEntry
from netra_loop.diagnosis.tracebacks import whole
from netra_loop.diagnosis.trends import Told, compared, refusal

MOST_LISTED = 20  # patterns of WARNING and above, and as many of the others
MOST_CHANGES = 30


class LogTrends:
    def __init__(self, logs: CloudLogs, redactor: Redactor, most_entries: int) -> None:
        self._logs = logs
        self._redactor = redactor
        self._most_entries = most_entries

    async def told(
        self, log: LogsSeen, lines: Sequence[LogLine], session: Session, iteration: Iteration, target: Target
    ) -> tuple[LogsSeen, ...]:
        """The log of a target with its patterns and what changed; behind it that of the last good session, if asked.

        Compared is what was written while tests ran: a session that deployed nothing has no start to compare. A log
        that cannot be read any more leaves the newer one what it is.
        """
        found = await to_thread.run_sync(self._mined, lines)
        log = _listing(log, found)
        good = next((each for each in session.good if each.target == target.name), None)
        tested = tested_by(session, iteration, target.name)
        meanwhile = [line for line in lines if tested.tests and line.at >= tested.since]
        if not meanwhile or good is None or not good.since:
            return (replace(log, comparison=Comparison(refused=_without(tested.tests, good))),)
        now = Told(await to_thread.run_sync(self._mined, meanwhile), tested.tests, log.truncated)
        comparison = Comparison(good.session_id, now.tests, good.tests)
        try:
            earlier, older = await self._earlier(log, good, target)
        except Exception as error:  # whatever is wrong with the older log, this one was read
            said = self._redactor.text(f"{type(error).__name__}: {error}")[:LONGEST_QUOTE]
            return (replace(log, comparison=replace(comparison, refused=f"nothing is compared: {said}")),)
        then = Told(older, good.tests, earlier.truncated)
        changes = compared(now, then)
        comparison = replace(
            comparison,
            changes=changes[:MOST_CHANGES],
            unlisted=len(changes[MOST_CHANGES:]),
            refused=refusal(then),
        )
        return replace(log, comparison=comparison), earlier

    async def _earlier(self, log: LogsSeen, good: GoodRevision, target: Target) -> tuple[LogsSeen, Mined]:
        """What the last good session's revision wrote while it was tested, by the same question."""
        since, _, until = log.window.partition("/")
        shape = log.query.removeprefix(log_query(target.service, log.revision, since, until))
        query = log_query(target.service, good.revision, good.since, good.until) + shape
        lines = await to_thread.run_sync(self._logs.entries, query, self._most_entries + 1)
        kept = lines[: self._most_entries]
        found = await to_thread.run_sync(self._mined, kept)
        seen = LogsSeen(
            target=target.name,
            query=query,
            window=f"{good.since}/{good.until}",
            revision=good.revision,
            count=len(kept),
            truncated=len(lines) > len(kept),
            by_severity=dict(sorted(Counter(line.severity for line in kept).items())),
            of_good_session=good.session_id,
        )
        return _listing(seen, found), found

    def _mined(self, lines: Sequence[LogLine]) -> Mined:
        """Secrets are masked first: what the masks of patterns leave of one would not be recognised any more."""
        return mined((entry.severity, self._redactor.text(entry.message)) for entry in whole(map(_entry, lines)))


def _entry(line: LogLine) -> LogEntry:
    """What of an entry makes its pattern; a traceback of many entries is one message."""
    message = line.payload.get("message")
    said = message if isinstance(message, str) and message else line.text.replace("\\n", "\n")
    return LogEntry(0, "", 0.0, line.severity, said, line.payload, trace=line.trace, instance=line.instance)


def _listing(log: LogsSeen, found: Mined) -> LogsSeen:
    """The log with the most frequent patterns; entries of all others are counted."""
    listed = tuple(_quoting(pattern) for pattern in top(found.patterns, MOST_LISTED))
    return replace(log, patterns=listed, other=found.count - sum(pattern.count for pattern in listed))


def _quoting(pattern: Pattern) -> Pattern:
    return replace(pattern, example=pattern.example[:LONGEST_QUOTE])


def _without(tests: int, good: GoodRevision | None) -> str:
    """Why the last good session is not even asked about."""
    if not tests:
        return "nothing to compare: no test ran against it"
    if good is None:
        return "nothing to compare with: no session has proven a revision good"
    if not good.since:
        return f"nothing to compare with: it is not known when session {good.session_id} tested {good.revision}"
    return "nothing to compare: the revision wrote nothing while it was tested"
