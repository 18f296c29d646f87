"""Carry out the judge command: read recordings, judge them, make the report, and tell the outcome."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refund_conformance.app import interruption
from refund_conformance.app.judging.exchanges import Base, Judging
from refund_conformance.app.judging.memory import HOLDS
from refund_conformance.app.pytest_plugin.scope import required
from refund_conformance.app.recordings.following import follow, opened
from refund_conformance.app.recordings.reading import LineReader, read
from refund_conformance.cases.recorded.exchange import Recorded
from refund_conformance.cases.recorded.opinion import View
from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import RunError, UsageError
from refund_conformance.contract.model import PRECEDENCE, Contract
from refund_conformance.oracle.result import Result
from refund_conformance.report import waivers
from refund_conformance.report.events import RECORDED
from refund_conformance.report.lock import locked
from refund_conformance.report.session import ReportSession

UNSHOWABLE = frozenset({"server.steady"})
"""Clauses of which a recording shows nothing, though every answer is one of theirs: no state is known to stay."""

REASONS = 3
"""Reasons that are named at most why exchanges show nothing."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Choice:
    """What a person chose to judge, and how.

    ``base_url`` is where the endpoint is (None: anywhere), ``header`` the authorization header's name ("": the
    contract's), ``answers`` pin open questions, as QUESTION=ANSWER. ``holds`` is for how many seconds what the
    recording shows of the world is taken to hold. With ``follows``, the one file grows.
    """

    files: tuple[Path, ...]
    report: Path = Path("reports/latest")
    base_url: str | None = None
    header: str = ""
    answers: tuple[str, ...] = ()
    holds: float = HOLDS
    strict: bool = False
    waivers: Path | None = None
    require: tuple[str, ...] = ()
    quiet: bool = False
    follows: bool = False


def execute(choice: Choice) -> int:
    """Judge recordings and return the exit status: the verdict's.

    Raises UsageError for a file that cannot be read, is of no known format or is broken, before anything is
    written.
    """
    contract = contracts.load()
    view = View(
        contract, choice.header or contract.operation.authorization_header, _pins(contract, choice.answers)
    )
    base = Base.of(choice.base_url)
    if choice.base_url is not None and not base.origin:
        raise UsageError(f"--base-url {choice.base_url}", "is no URL", "Write it like https://api.example.")
    judging = Judging(view, base, choice.holds)
    if choice.follows:
        if len(choice.files) != 1:
            raise UsageError("--follow", "takes one file", "Start one command for each.")
        opened(choice.files[0]).close()  # before anything is written
        wanted: list[Recorded] = []
    else:
        wanted = _ordered(one for path in choice.files for one in read(path) if judging.is_wanted(one))
    with locked(choice.report), interruption.interruptible() as signals:
        session = _session(choice, contract, view, base, wanted)
        judging.sink = session.write
        try:
            if choice.follows:
                _follow(choice, judging, _teller(sys.stdout))
            else:
                for one in wanted:
                    judging.take(one)
            is_interrupted = False
        except KeyboardInterrupt:
            is_interrupted = not choice.follows
        signals.is_settled = True
        for note in _notes(judging):
            session.write({"event": "note", "text": note})
        reason = "" if judging.judged else _nothing(choice, judging, contract)
        session.close(interrupted=is_interrupted, terminated=signals.is_termination, reason=reason)
        return _tell(choice, contract, session, judging)


def _pins(contract: Contract, answers: Iterable[str]) -> dict[str, str]:
    pins: dict[str, str] = {}
    for text in answers:
        name, _, answer = text.partition("=")
        question = contract.questions.get(name)
        if question is None or name == PRECEDENCE:
            known = ", ".join(one for one in contract.questions if one != PRECEDENCE)
            raise UsageError(
                f"--answer {text}", "names no question that can be answered so", f"There are {known}."
            )
        if answer not in question.answers:
            raise UsageError(f"--answer {text}", "is no answer", f"The answers are {', '.join(question.answers)}.")
        pins[name] = answer
    return pins


def _ordered(exchanges: Iterable[Recorded]) -> list[Recorded]:
    """Return exchanges in the order of time; those without one stay behind the one before them."""
    latest, keyed = 0.0, []
    for one in exchanges:
        latest = one.earliest if one.earliest is not None else latest
        keyed.append((latest, one))
    return [one for _, one in sorted(keyed, key=lambda pair: pair[0])]


def _session(
    choice: Choice, contract: Contract, view: View, base: Base, wanted: Iterable[Recorded]
) -> ReportSession:
    origins = {base.origin} if base.origin else {one.origin for one in wanted if one.origin}
    names = ", ".join(path.name or str(path) for path in choice.files[:REASONS])
    more = f" and {len(choice.files) - REASONS} more" if len(choice.files) > REASONS else ""
    given = waivers.load(choice.waivers, contract) if choice.waivers else ()
    return ReportSession(
        choice.report,
        contract,
        pages=True,
        profile=RECORDED,
        seed=0,
        target=next(iter(origins)) if len(origins) == 1 else f"recorded in {names}{more}",
        strict=choice.strict,
        pins=dict(view.pins),
        waivers=[waiver.as_event() for waiver in given],
        chosen=sorted(contract.clauses.keys() - UNSHOWABLE),
        narrowed=True,
        required=sorted(required(contract, choice.require)),
    )


def _follow(choice: Choice, judging: Judging, say: Say) -> None:
    """Judge the lines of a growing file as they come; end with KeyboardInterrupt."""
    seen: Counter[tuple[str, str, str]] = Counter()
    (path,) = choice.files

    def told(result: Result) -> None:
        for finding in result.findings:
            kind = (finding.clause, finding.expected, finding.actual)
            seen[kind] += 1
            if seen[kind] == 1:
                say(f"{finding.clause}: expected {finding.expected}; got {finding.actual} ({result.title})")
            elif str(seen[kind]).strip("0") == "1":
                say(f"{finding.clause}: {seen[kind]} times by now; got {finding.actual}")

    judging.told = told
    reader = LineReader(path.name)
    for line in follow(path):
        if not line:
            continue
        try:
            one = reader.take(line)
        except UsageError as problem:
            judging.nothing["the line could not be read"] += 1
            if judging.nothing["the line could not be read"] == 1:
                say(f"left out: {problem}")
            continue
        if one is not None and judging.is_wanted(one):
            judging.take(one)


def _teller(stream: Any) -> Say:
    def say(text: str) -> None:
        from refund_conformance.report.escaping import plain

        stream.write(f"{plain(text, 600)}\n")
        stream.flush()

    return say


def _notes(judging: Judging) -> Iterator[str]:
    if judging.nothing:
        named = "; ".join(f"{reason} ({count})" for reason, count in judging.nothing.most_common(REASONS))
        yield f"{judging.nothing.total()} exchanges show nothing: {named}"
    if judging.again:
        yield (
            f"{len(judging.again)} requests were accepted for an order that had one accepted before, lawful "
            f"only if that had ended by then: {'; '.join(judging.again[:REASONS])}"
        )
    if judging.more:
        yield f"{judging.more} more exchanges were judged that are like those in the record, and not kept"


def _nothing(choice: Choice, judging: Judging, contract: Contract) -> str:
    """Return why nothing was judged."""
    asked = f"{contract.operation.method} {contract.operation.path}"
    where = f" under {choice.base_url}" if choice.base_url else ""
    if judging.nothing:
        return f"no exchange with {asked}{where} shows anything"
    return f"none of the {judging.read} recorded exchanges is one with {asked}{where}"


def _tell(choice: Choice, contract: Contract, session: ReportSession, judging: Judging) -> int:
    from refund_conformance.report.github import publish
    from refund_conformance.report.secret_scan import finish
    from refund_conformance.report.terminal import tell

    try:
        made = finish(choice.report, judging.masking.remembered)
    except RunError as unwritten:
        print(f"refund-conformance: {session.problem or unwritten}", file=sys.stderr)
        return session.exit_status
    tell(made, contract, choice.report, sys.stdout, brief=choice.quiet)
    publish(made, choice.report, os.environ, sys.stdout)
    for note in made.data["waiver_notes"]:
        print(note)
    if session.problem is not None:
        print(f"refund-conformance: {session.problem}", file=sys.stderr)
        return session.exit_status
    return made.exit_status
