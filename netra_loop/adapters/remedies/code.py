"""Changes of a service's code: made in the session's own copy, judged as a diff, checked, committed; and taken back."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from anyio import to_thread

from netra_loop.adapters.ask import NOBODY, is_anybody_there, refusal_to
from netra_loop.adapters.command import Told
from netra_loop.adapters.compliance import ComplianceRunner
from netra_loop.adapters.content import differing
from netra_loop.adapters.diagnose import scene_of
from netra_loop.adapters.files import SessionFolder, sha256_of, write_whole
from netra_loop.adapters.output import EXCERPT_BYTES, EXCERPT_LINES
from netra_loop.adapters.outside import Outside, bare_environment
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.remedies.configedit import with_key
from netra_loop.adapters.remedies.workbench import Workbench, WorkbenchError
from netra_loop.core.compliance import Checked, not_comparable
from netra_loop.core.environment import ANSWER_TIMEOUT, COMMAND_TIMEOUT, OutsideProgram, RemedyMode
from netra_loop.core.events import Act, Git, HandleKnown
from netra_loop.core.knowledge import RemedyKind
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Plan
from netra_loop.core.problem import Evidence, Receipt, Remedy
from netra_loop.core.remediation import code_of, image_of, mode_of, tip
from netra_loop.core.seen import Result, Seen
from netra_loop.core.session import Session, diagnosed
from netra_loop.core.target import Target
from netra_loop.diagnosis.bundle import repair_bundle
from netra_loop.ports import Say

Judge = Callable[[str, Remedy, Plan], tuple[str, ...]]  # why a person must look at a diff first

CHANGED_OURS = "it changed the session's own copy, which is as it was again"
BUNDLE = "{bundle}"  # in a program's arguments: the file that tells it what is red


class CodeChanges:
    def __init__(
        self, project: Path, bench: Workbench, folder: SessionFolder, redactor: Redactor, judge: Judge
    ) -> None:
        self._project = project
        self._bench = bench
        self._folder = folder
        self._redactor = redactor
        self._judge = judge
        self._outside = Outside(folder, redactor)
        self._checks = ComplianceRunner(project, folder, redactor)

    async def make(self, act: Act, session: Session, remedy: Remedy, say: Say) -> Result:
        """PASSED with the commit; FAILED where there is no diff, or one that a person must look at first.

        SKIPPED where a person who was shown it did not agree. After a crash a diff that was made is committed, and a
        program that had begun is not asked again: nobody knows what it did, and its copy is thrown away.
        """
        record = session.record(act.id)
        if "diff" not in record.handle and "asked" in record.handle:
            return Result(Outcome.FAILED, ("the session ended while it was asked; its copy is discarded",))
        if mode_of(session.plan, remedy.kind) is RemedyMode.ASK and not is_anybody_there():
            return Result(Outcome.SKIPPED, (NOBODY,))  # before a program is paid for what nobody will agree to
        assert session.git is not None
        await to_thread.run_sync(self._bench.open, session.git.sha, _tip(act, session))
        if missing := await to_thread.run_sync(self._uncommitted, act, session, remedy):
            return Result(Outcome.FAILED, (missing,))
        if "diff" in record.handle:
            path, failure = self._folder.path / record.handle["diff"], ""
            diff = path.read_bytes().decode("utf-8", "surrogateescape")
        else:
            path = self._folder.artifact_folder(act.id, record.attempt) / "change.diff"
            diff, failure = await self._diff(act, session, remedy, say)
        if failure or not diff:
            return Result(Outcome.FAILED, (failure or "it changed nothing",), Receipt(remedy.id, {}, {}))
        receipt = await self._judged(session, remedy, diff, path)
        if receipt.violations:
            return Result(Outcome.FAILED, ("a person must look at it first", *receipt.violations), receipt)
        say(HandleKnown(act.id, {"diff": self._folder.reference(path)}))
        if (reasons := await self._compliance(act, session, diff, say)) is not None:
            return Result(Outcome.FAILED, reasons, receipt)
        if refusal := await self._refusal(act, session, remedy, receipt, say):
            return Result(Outcome.SKIPPED, (refusal,), receipt)
        commit = await to_thread.run_sync(self._bench.commit, diff, message_of(session, remedy), record.started)
        name, after = f"{remedy.target}.source", f"{commit} on {await self._published()}"
        made = replace(receipt, before={name: "the project's folder"}, after={name: after}, commit=commit)
        return Result(Outcome.PASSED, (), made)

    async def _judged(self, session: Session, remedy: Remedy, diff: str, path: Path) -> Receipt:
        """What a diff would change, and why a person must look at it first: for itself, and in the files around it."""
        violations = await to_thread.run_sync(self._judge, diff, remedy, session.plan)
        if not violations:
            whole = await to_thread.run_sync(self._bench.with_all_around, diff)
            violations = await to_thread.run_sync(self._judge, whole, remedy, session.plan)
        kept = self._redactor.text(diff) if violations else diff  # what is never applied need not hold a secret
        write_whole(path, kept.encode("utf-8", "surrogateescape"), 0o600)
        return Receipt(remedy.id, {}, {}, diff=self._shown(path, diff), violations=violations)

    async def _refusal(self, act: Act, session: Session, remedy: Remedy, receipt: Receipt, say: Say) -> str:
        """Why a person who was shown the diff does not want it; empty for a yes, and where nobody is to be asked."""
        if mode_of(session.plan, remedy.kind) is not RemedyMode.ASK:
            return ""
        told: Told = lambda handle: say(HandleKnown(act.id, handle))  # noqa: E731
        return await refusal_to(remedy, receipt.diff.excerpt if receipt.diff else "", ANSWER_TIMEOUT, told)

    def _uncommitted(self, act: Act, session: Session, remedy: Remedy) -> str:
        """Why the copy is not what has been deployed, though git calls the project clean; empty where it is."""
        target = session.plan.environment.target(remedy.target)
        if code_of(session, act.iteration, target.name):
            return ""
        assert session.git is not None
        copy = self._bench.at(session.git.sha) / target.source
        if not (files := differing(self._project / target.source, copy)):
            return ""
        named = ", ".join(files[:3]) + f" and {len(files) - 3} more" * (len(files) > 3)
        return f"the commit does not hold {target.source} as it is deployed: commit, or move elsewhere, {named}"

    async def _compliance(self, act: Act, session: Session, diff: str, say: Say) -> tuple[str, ...] | None:
        """Why the environment's checker speaks against a diff; None where it does not, or there is none.

        What it found before already is no fault of the diff, as long as it looked at as many files.
        """
        checker = session.plan.environment.compliance
        if checker is None:
            return None
        place = self._folder.artifact_folder(act.id, session.record(act.id).attempt)

        async def checked(name: str, diff: str) -> Result:
            told: Told = lambda handle: say(HandleKnown(act.id, handle))  # noqa: E731
            tree = await to_thread.run_sync(self._bench.disposable, name, diff)
            env = bare_environment({}, place / "outside_home")  # what it loads from the copy may be the remedy's
            found = await self._checks.check(tree, checker, place / f"{name}.txt", told, checker.timeout, env)
            if await to_thread.run_sync(self._bench.reclaim, name):
                return Result(Outcome.ERRORED, (CHANGED_OURS,))
            return found

        after = await checked("compliance", diff)
        if after.outcome is Outcome.PASSED:
            return None
        if after.outcome is Outcome.FAILED:
            before = await checked("compliance_before", "")
            if _is_no_worse(after.seen, before.seen):
                return None
        return ("the checker does not pass it", *after.reasons)

    async def take_back(self, act: Act, session: Session, cured: Receipt) -> Result:
        """PASSED with the commit that takes one back."""
        assert session.git is not None
        await to_thread.run_sync(self._bench.open, session.git.sha, _tip(act, session))
        message = f"Take back {cured.commit[:12]}\n\nIt is of no use, or broke something: {session.id}, {act.id}"
        started = session.record(act.id).started
        commit = await to_thread.run_sync(self._bench.revert, cured.commit, message, started)
        branch = await self._published()
        after = {name: f"{value}, {commit} on {branch}" for name, value in cured.before.items()}
        return Result(Outcome.PASSED, (), Receipt(cured.remedy, cured.after, after, commit=commit))

    async def _published(self) -> str:
        """The branch that our commits are on; without one it goes on, for the diffs are kept."""
        try:
            return await to_thread.run_sync(self._bench.publish)
        except WorkbenchError as error:
            return f"(no branch: {error.message})"

    def _shown(self, path: Path, diff: str) -> Evidence:
        """The diff as the worklog quotes it: its begin, secrets masked."""
        lines = self._redactor.text(diff).splitlines()
        excerpt = "\n".join(lines[:EXCERPT_LINES])[:EXCERPT_BYTES]
        is_cut = len(excerpt) < len("\n".join(lines))
        return Evidence("the change, as a diff", excerpt, self._folder.reference(path), sha256_of(path), is_cut)

    async def _diff(self, act: Act, session: Session, remedy: Remedy, say: Say) -> tuple[str, str]:
        """What a remedy would change, and why it came to nothing, empty where it did not."""
        target = session.plan.environment.target(remedy.target)
        if remedy.kind is RemedyKind.PATCH and remedy.commit:
            return await to_thread.run_sync(self._bench.restoring_diff, remedy.commit, target.source), ""
        if remedy.kind is RemedyKind.PATCH:
            return (self._project / remedy.file).read_text("utf-8", "surrogateescape"), ""
        if remedy.kind is RemedyKind.CONFIG_EDIT:
            return await self._edited(remedy, target)
        return await self._by_program(act, session, remedy, target, say)

    async def _edited(self, remedy: Remedy, target: Target) -> tuple[str, str]:
        place = await to_thread.run_sync(self._bench.disposable, remedy.id)
        source = place.resolve() / target.source
        path = source / remedy.file
        if not path.is_file() or path.resolve() != path or not path.is_relative_to(source):
            return "", f"{target.source} has no file {remedy.file}"
        try:
            path.write_text(with_key(path.name, path.read_text("utf-8"), remedy.key, remedy.after), "utf-8")
        except ValueError as error:
            return "", f"{remedy.file}: {error}"
        return await to_thread.run_sync(self._bench.diff_of, remedy.id), ""

    async def _by_program(
        self, act: Act, session: Session, remedy: Remedy, target: Target, say: Say
    ) -> tuple[str, str]:
        """What a program changed in a copy of its own, told what is red; it is asked once, whatever happens."""
        place = self._folder.artifact_folder(act.id, session.record(act.id).attempt)
        copy = await to_thread.run_sync(self._bench.disposable, remedy.id)
        bundle = place / "outside_bundle.txt"
        write_whole(bundle, self._told(act, session, remedy, target).encode(), 0o600)
        program = _program(remedy, session.plan.environment.agent, bundle)
        say(HandleKnown(act.id, {"command": shlex.join(program.argv), "asked": "once"}))
        said = await self._outside.run(
            program,
            cwd=copy,
            reads=bundle,
            place=place,
            started=lambda pid: say(HandleKnown(act.id, {"pid": str(pid)})),
        )
        if await to_thread.run_sync(self._bench.reclaim, remedy.id):
            return "", CHANGED_OURS
        if failure := said.failure(program.timeout):
            return "", failure
        return await to_thread.run_sync(self._bench.diff_of, remedy.id), ""

    def _told(self, act: Act, session: Session, remedy: Remedy, target: Target) -> str:
        iteration = session.iterations[act.iteration - 1]
        found = diagnosed(iteration)
        problem = next(each for each in (found.problems if found else ()) if each.id == remedy.problem)
        nonce, mask = secrets.token_hex(16), self._redactor.text
        return repair_bundle(session, iteration, scene_of(session, iteration), problem, target.source, nonce, mask)


def _is_no_worse(after: Seen | None, before: Seen | None) -> bool:
    """Whether a checker finds no more violations than before, in the same files."""
    if not isinstance(after, Checked) or not isinstance(before, Checked) or not_comparable(after, before):
        return False
    assert after.violations is not None and before.violations is not None
    return after.violations <= before.violations


def _program(remedy: Remedy, agent: OutsideProgram | None, bundle: Path) -> OutsideProgram:
    """The program of a remedy, or the environment's agent, with the bundle's path where its arguments ask for it."""
    if remedy.kind is RemedyKind.AGENT:
        assert agent is not None
        return replace(agent, argv=tuple(word.replace(BUNDLE, str(bundle)) for word in agent.argv))
    return OutsideProgram(tuple(word.replace(BUNDLE, str(bundle)) for word in remedy.argv), COMMAND_TIMEOUT)


def _tip(act: Act, session: Session) -> str:
    """The newest commit of the copy, as far as the journal tells: those of this iteration are among them."""
    return tip(session, act.iteration + 1)


def message_of(session: Session, remedy: Remedy) -> str:
    """A commit's message: which problem, which session, on what evidence."""
    tests = "\n".join(f"- {name.suite}: {name.test}" for name in remedy.tests)
    return (
        f"{remedy.target}: {remedy.kind.value} against {remedy.problem}\n\n{remedy.change}\n\n"
        f"Red tests that it is for:\n{tests}\n\nSession: {session.id}, remedy {remedy.id}\n"
    )


class Sources:
    """Where a target is deployed from: the project's folder, or the session's copy where a remedy changed its code."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def of(self, session: Session, number: int, target: Target) -> tuple[Target, Git | None]:
        """The target with its source or image, and the commit that this is. Blocks; raises WorkbenchError."""
        if (earlier := image_of(session, number, target.name)) is not None:
            git = replace(session.git, sha=earlier.commit, dirty=False) if session.git and earlier.commit else None
            return replace(target, source="", image=earlier.after, imports=()), git
        commit = code_of(session, number, target.name)
        if not commit or session.git is None:
            return target, session.git
        self._bench.open(session.git.sha, commit)
        source = str(self._bench.at(commit) / target.source)
        return replace(target, source=source), replace(session.git, sha=commit, dirty=False)
