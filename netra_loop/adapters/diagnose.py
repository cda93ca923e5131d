"""Kind `diagnose`: gather what was seen of a red iteration, read the logs, and let the diagnosis think about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from anyio import to_thread

from netra_loop.adapters.address import Address
from netra_loop.adapters.cloudlogs import LATE, CloudLogs, LogLine, log_query, until_written
from netra_loop.adapters.cloudrun import CloudRun, RevisionState
from netra_loop.adapters.consult import Consultant
from netra_loop.adapters.files import SessionFolder, sha256_of, write_whole
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.locate import locate
from netra_loop.adapters.logtrends import LogTrends
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.signals import Signals
from netra_loop.core.events import Act, HandleKnown, TestResult
from netra_loop.core.health import is_down
from netra_loop.core.ledger import ledger
from netra_loop.core.logs import LogsSeen
from netra_loop.core.outcome import RED_OUTCOMES, Outcome, TestOutcome
from netra_loop.core.plan import Kind
from netra_loop.core.problem import Diagnosed, Evidence, Remedy, TestName
from netra_loop.core.proof import Facts, in_contact
from netra_loop.core.remediation import for_the_agent
from netra_loop.core.results import failed_steps, results_of
from netra_loop.core.seen import HealthSeen, Result
from netra_loop.core.session import ActRecord, Iteration, Session
from netra_loop.core.target import Target
from netra_loop.diagnosis.diagnose import diagnose
from netra_loop.diagnosis.scene import DownDependency, Failure, Kept, LogEntry, Passed, Scene, SharedUser
from netra_loop.diagnosis.tracebacks import whole
from netra_loop.ports import Say

MOST_ENTRIES = 10_000  # of one service
LONGEST_EXCERPT = 400  # characters of one failure text
LONGEST_MESSAGE = 16_384  # characters of a log entry; what says what happened stands at its begin
MOST_PLAUSIBLE = 1e15  # no field of a log entry means a larger number


class DiagnoseRunner:
    def __init__(
        self,
        cloud: CloudRun,
        logs: CloudLogs,
        signals: Signals,
        folder: SessionFolder,
        redactor: Redactor,
        consultant: Consultant,
    ) -> None:
        self._cloud = cloud
        self._logs = logs
        self._signals = signals
        self._folder = folder
        self._redactor = redactor
        self._consultant = consultant
        self._trends = LogTrends(logs, redactor, MOST_ENTRIES)

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED with what was found, also when nothing was; ERRORED when the logs cannot be read, or are empty.

        A log without any entry of a service that tests were pointed at is no sign that nothing went wrong: what the
        rest shows is told, and nothing is proposed.
        """
        iteration = session.iterations[act.iteration - 1]
        good = await to_thread.run_sync(self._signals.good_commits, session)
        scene = replace(scene_of(session, iteration), good_commits=good)
        try:
            for target in session.plan.environment.targets:
                scene = await self._with_target(scene, act, session, target, say)
        except Exception as error:
            return errored(error, "reading the logs")
        problems, remedies = await to_thread.run_sync(diagnose, session.plan.knowledge, scene)
        remedies = (*remedies, *for_the_agent(session, problems, remedies))
        proposed = () if scene.silent else numbered(session, remedies)
        problems, consulted = await self._consultant.ask(act, session, scene, problems, say)
        found = Diagnosed(
            problems,
            proposed,
            len(scene.entries),
            scene.truncated,
            scene.logs,
            consulted,
            scene.drifts,
            scene.requests,
        )
        if scene.silent:
            return Result(Outcome.ERRORED, ("no_entries", f"the log has nothing of {', '.join(scene.silent)}"), found)
        return Result(Outcome.PASSED, (), found)

    async def _with_target(self, scene: Scene, act: Act, session: Session, target: Target, say: Say) -> Scene:
        """The scene with what the tested revision of a target was told and wrote; nothing of one that is not known."""
        address = _never_served(session, act, target) or await locate(self._cloud, session, act, target)
        if address is None or not address.revision:
            return scene
        revision = await to_thread.run_sync(self._cloud.revision, target.service, address.revision)
        if revision is not None:
            since_good = await to_thread.run_sync(self._signals.drift, session, target, revision)
            drifts = (*scene.drifts, since_good) if since_good else scene.drifts
            settings = {**scene.settings, target.name: revision.settings}
            variables = {**scene.variables, target.name: revision.env}
            images = {**scene.good_images, **await to_thread.run_sync(self._good_image, session, target, revision)}
            scene = replace(scene, variables=variables, settings=settings, drifts=drifts, good_images=images)
        return await self._with_logs(scene, act, session, target, address, say)

    def _good_image(self, session: Session, target: Target, tested: RevisionState) -> dict[str, str]:
        """The image of a target's last good revision, where that is another one; empty where there is none."""
        good = next((each for each in session.good if each.target == target.name), None)
        found = self._cloud.revision(target.service, good.revision) if good else None
        return {target.name: found.image} if found and found.image != tested.image else {}

    async def _with_logs(
        self, scene: Scene, act: Act, session: Session, target: Target, address: Address, say: Say
    ) -> Scene:
        """The scene with what a revision wrote since the iteration began and before this act did.

        Requests only count as a sign of life, but for those that the platform has something to say of.
        """
        iteration = session.iterations[act.iteration - 1]
        since, until = (f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}" for moment in (iteration.begun, session.at))
        everything = log_query(target.service, address.revision, since, until)
        query = f'{everything} AND (NOT log_id("run.googleapis.com/requests") OR textPayload:*)'
        say(HandleKnown(act.id, {f"query {target.name}": query}))
        lines: list[LogLine] = []
        is_alive = bool(await until_written(self._logs, everything, 1, min(LATE, act.timeout / 2)))
        if is_alive:
            lines = await to_thread.run_sync(self._logs.entries, query, MOST_ENTRIES + 1)
            scene = await to_thread.run_sync(self._with_requests, scene, target, address.revision, since, until)
        path = self._folder.artifact_folder(act.id, session.record(act.id).attempt) / f"{target.name}.txt"
        texts = [self._redactor.text(str(line)) for line in lines[:MOST_ENTRIES]]
        write_whole(path, "".join(f"{text}\n" for text in texts).encode("utf-8", "replace"), 0o600)
        entries = whole(
            _entry(number, target.name, line, text)
            for number, (line, text) in enumerate(zip(lines, texts, strict=False), start=1)
        )
        log = LogsSeen(
            target=target.name,
            query=query if is_alive else everything,
            window=f"{since}/{until}",
            revision=address.revision,
            count=len(texts),
            truncated=len(lines) > MOST_ENTRIES,
            by_severity=dict(sorted(Counter(line.severity for line in lines[:MOST_ENTRIES]).items())),
        )
        told = await self._trends.told(log, lines[:MOST_ENTRIES], session, iteration, target)
        return replace(
            scene,
            entries=(*scene.entries, *entries),
            kept={**scene.kept, target.name: Kept(self._folder.reference(path), sha256_of(path))},
            logs=(*scene.logs, *told),
            silent=scene.silent if is_alive or not _is_tested(scene, target) else (*scene.silent, target.name),
        )

    def _with_requests(self, scene: Scene, target: Target, revision: str, since: str, until: str) -> Scene:
        """The scene with how a revision served its requests, and which of them were of which test."""
        requests, answered, serving = self._signals.requests(target, revision, since, until)
        statuses = {trace: (*scene.statuses.get(trace, ()), *told) for trace, told in answered.items()}
        served = {trace: scene.served.get(trace, frozenset()) | told for trace, told in serving.items()}
        return replace(
            scene,
            requests=(*scene.requests, requests),
            statuses={**scene.statuses, **statuses},
            served={**scene.served, **served},
        )


def _never_served(session: Session, act: Act, target: Target) -> Address | None:
    """The revision that a deploy of this iteration made in vain; what it said tells why, not what served before."""
    for record in failed_steps(session.iterations[act.iteration - 1]):
        if record.act.kind is Kind.DEPLOY and record.act.subject == target.name and "revision" in record.handle:
            return Address("", record.handle["revision"])
    return None


def _is_tested(scene: Scene, target: Target) -> bool:
    """Whether a red test was pointed at it; of a service that nobody called, silence says nothing."""
    return any(target.name in failure.targets for failure in scene.failures if not failure.step)


def scene_of(session: Session, iteration: Iteration) -> Scene:
    """What the session itself knows of a red iteration; what the world has to say is not in it yet."""
    environment = session.plan.environment
    return Scene(
        failures=(*_failures(session, iteration), *_steps(iteration)),
        down=tuple(_down(session, iteration)),
        shared_users=tuple(_shared_users(iteration)),
        passed=tuple(_passed(session, iteration)),
        environment=environment.name,
        user_pool=environment.users.pool if environment.users else (),
        refuted=session.past.refuted,
    )


def _failures(session: Session, iteration: Iteration) -> Iterator[Failure]:
    for record in iteration.of_kind(Kind.SUITE):
        targets = session.plan.suite(record.act.subject).targets
        output = record.result.evidence[0] if record.result and record.result.evidence else Evidence("")
        told_in = record.tests.told_in
        for result in results_of(session, record):
            if result.outcome in RED_OUTCOMES:
                name = TestName(record.act.subject, result.id)
                said = _said(result.message)
                evidence = Evidence(
                    f"{name.suite}: {name.test}",
                    said[:LONGEST_EXCERPT],
                    output.ref,
                    output.sha256,
                    entry=told_in.get(result.id, record.entry),
                )
                is_timed = result.ended is not None and result.duration_s is not None
                start = result.ended - result.duration_s if is_timed else None  # type: ignore[operator]
                yield Failure(
                    name, said, start, result.ended, targets, evidence, _trace(result), contact=_contact(result.facts)
                )


def _steps(iteration: Iteration) -> Iterator[Failure]:
    """The deploys and checks that did not pass, by what they say of it."""
    for record in failed_steps(iteration):
        assert record.result is not None
        said = "\n".join(record.result.reasons)
        evidence = Evidence(f"step {record.act.step}", said[:LONGEST_EXCERPT], entry=record.entry)
        start, end = record.begun.timestamp(), record.ended.timestamp() if record.ended else None
        name = TestName(record.act.kind.value, record.act.step)
        yield Failure(name, said, start, end, (record.act.subject,), evidence, step=record.act.step)


def _passed(session: Session, iteration: Iteration) -> Iterator[Passed]:
    """The passes whose time is known."""
    for record in iteration.of_kind(Kind.SUITE):
        targets = session.plan.suite(record.act.subject).targets
        told_in = record.tests.told_in
        for result in results_of(session, record):
            is_timed = result.ended is not None and result.duration_s is not None
            if result.outcome is TestOutcome.PASSED and is_timed:
                name = TestName(record.act.subject, result.id)
                counts = result.proof is not None and result.proof.counts
                start = result.ended - result.duration_s  # type: ignore[operator]
                yield Passed(name, start, result.ended, targets, _trace(result), told_in[result.id], counts)  # type: ignore[arg-type]


def _trace(result: TestResult) -> str:
    return result.facts.trace if result.facts else ""


def _contact(facts: Facts | None) -> bool | None:
    """Whether a target answered a test itself; None where nobody knows, and where it asked in vain."""
    if facts is None or (facts.bytes_in == 0 and (facts.bytes_out or facts.refused)):
        return None
    return in_contact(replace(facts, shared_bytes_in=0))  # what a wider fixture got was asked before the test


def _said(message: str) -> str:
    """What a failure text says went wrong, without the source of the test that pytest quotes beside it."""
    first, _, rest = message.partition("\n")
    explained = [line[1:].strip() for line in rest.splitlines() if line.startswith("E ")]
    news = [line for line in explained if line and not first.endswith(line)]
    return "\n".join((first, *news)) if explained else message


def _down(session: Session, iteration: Iteration) -> Iterator[DownDependency]:
    for record in iteration.of_kind(Kind.HEALTH):
        seen = record.result.seen if record.result else None
        if record.result is None or not isinstance(seen, HealthSeen):
            continue
        declared = {each.name: each for each in session.plan.environment.target(seen.target).dependencies}
        for state in seen.dependencies:
            if is_down(state) and state.state != "not_checked" and record.result.evidence:
                evidence = replace(record.result.evidence[0], entry=record.entry)
                yield DownDependency(seen.target, declared[state.name], state.state, evidence)


def _shared_users(iteration: Iteration) -> Iterator[SharedUser]:
    """Suites that overlapped in time as one user."""
    records = [r for r in iteration.of_kind(Kind.SUITE) if r.act.user and r.ended]
    for user in dict.fromkeys(record.act.user for record in records):
        together = [r for r in records if r.act.user == user and any(_overlap(r, o) for o in records if o is not r)]
        if together:
            lines = [f"{r.act.subject} as {user} from {_clock(r.begun)} to {_clock(r.ended)}" for r in together]
            last = max(record.entry for record in together)
            evidence = Evidence("suites that ran side by side as one user", "\n".join(lines), entry=last)
            yield SharedUser(user, tuple(r.act.subject for r in together), evidence)


def _overlap(one: ActRecord, other: ActRecord) -> bool:
    same_user = one.act.user == other.act.user
    return bool(same_user and one.ended and other.ended and one.begun < other.ended and other.begun < one.ended)


def _clock(moment: datetime | None) -> str:
    return f"{moment:%H:%M:%S.%f}Z" if moment else "-"


def _entry(number: int, target: str, line: LogLine, text: str) -> LogEntry:
    fields = {str(name): _plain(value) for name, value in line.payload.items()}
    message = fields.get("message")
    said = str(message or line.text)[:LONGEST_MESSAGE]
    return LogEntry(number, target, _epoch(line.at), line.severity, said, fields, text, line.trace, line.instance)


def _plain(value: object) -> str | float | bool | None:
    """A field as the diagnosis takes it; a number that is none, or endless, is text."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float) and abs(value) < MOST_PLAUSIBLE:
        return float(value)
    return str(value)[:LONGEST_EXCERPT]


def _epoch(at: str) -> float:
    return datetime.fromisoformat(at).timestamp() if at != "-" else 0.0


def numbered(session: Session, remedies: Sequence[Remedy]) -> tuple[Remedy, ...]:
    """The remedies with their ids: r1, r2 ... in the order of proposal; the same change keeps the id it had."""
    known = [standing.remedy for standing in ledger(session)]
    given = []
    for remedy in remedies:
        same = next((old for old in known if old.changes_the_same(remedy)), None)
        remedy = replace(remedy, id=same.id if same else f"r{len(known) + 1}")
        if same is None:
            known.append(remedy)
        given.append(remedy)
    return tuple(given)
