"""The last look over a report before its run ends: no secret may stand in any of its files.

It is a backstop: what comes from outside is redacted when it is recorded. So it never changes what a record is
made of (ids, outcomes, keys, numbers), and a secret that is spelt like our own words is none that it could find.
"""

import html
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import RunError
from refund_conformance.report import artifacts, events, history, render, summary, templating
from refund_conformance.report.atomic_write import replace_bytes
from refund_conformance.report.summary import Summary
from refund_conformance.transport.redaction import Redactor, redacted

ARTIFACTS = (artifacts.EVENTS, artifacts.CONFORMANCE, *artifacts.PAGES)
"""The files of a report. Whatever else lies in its directory is a person's own, and is left alone."""

LEDGERS = "ledger-*.sqlite"
"""The ledgers of runs with several processes, of no use after them."""

MARKUP = (".html", ".md", ".xml")
"""Files in which a letter may be written as a number."""

JSON = (".json", ".jsonl")

TEXTS = frozenset(
    (
        "title",
        "reason",
        "expected",
        "actual",
        "text",
        "detail",
        "headers",
        "body",
        "explanation",
        "message",
        "trace",
    )
)
"""Members of our JSON files that are texts, and may quote what somebody else said."""

SENT = "request"
"""The member whose ``target`` is a URL that was sent; elsewhere it is that of the run."""

MANY_DIGITS = 12
"""A secret of digits alone that has fewer would be found by chance, in the times of a record."""

LEAK = "a secret was found in {names}, and taken out; this is a defect of refund-conformance, not of the target"


def finish(directory: Path, secrets: Iterable[str]) -> Summary:
    """Make the pages of a run that has ended, look for secrets in all of its files, and return its summary.

    A secret that is found is taken out of the file. The run counts as incomplete then: its record says so, and its
    exit status is 3, whatever it held. Raises RunError if the files cannot be read or written.
    """
    made = render.render(directory)
    redactor = _telling(directory, made, secrets)
    leaks = clean(directory, made, redactor)
    if not leaks:
        return made
    events.amend(directory, LEAK.format(names=", ".join(leaks)))
    made = render.render(directory)
    clean(directory, made, redactor)
    return replace(made, exit_status=summary.STATUS[summary.INCOMPLETE])


def clean(directory: Path, made: Summary, redactor: Redactor) -> tuple[str, ...]:
    """Take secrets out of a report's files; return the names of those that held one.

    Raises RunError, naming the file, if one cannot be read or written.
    """
    leaks: list[str] = []
    for path in _files(directory, made):
        try:
            if any(_cleaned(path, part, redactor) != part for part in _parts(path)):
                replace_bytes(path, b"".join(_cleaned(path, part, redactor) for part in _parts(path)))
                leaks.append(path.name)
        except OSError as problem:
            raise _unsearched(path, problem) from problem
    return tuple(leaks)


def _telling(directory: Path, made: Summary, secrets: Iterable[str]) -> Redactor:
    """Return a redactor of those secrets that, if they are found, were put there.

    That is no short number, nor anything that we say ourselves, or that the run says of its target. Our own words
    are many, so they are only looked at if there is something to look for.
    """
    redactor = Redactor(secret for secret in secrets if not (secret.isdecimal() and len(secret) < MANY_DIGITS))
    path = directory
    try:
        for path in _files(directory, made):
            if any(_may_hold(path, part, redactor) for part in _parts(path)):
                break
        else:
            return Redactor()
        start = next((part for part in _parts(directory / events.FILE)), b"").decode()
    except OSError as problem:
        raise _unsearched(path, problem) from problem
    return redactor.without(f"{_own_words()}\n{start}")


def _files(directory: Path, made: Summary) -> list[Path]:
    """Return the files of a report that there are."""
    every = (
        *(directory / name for name in ARTIFACTS),
        *directory.glob(LEDGERS),
        history.file(directory, made.data),
    )
    return [path for path in every if path.exists()]


def _unsearched(path: Path, problem: OSError) -> RunError:
    return RunError(
        str(path), f"cannot be searched for secrets: {problem.strerror}", "Look at it before you share it."
    )


def _may_hold(path: Path, content: bytes, redactor: Redactor) -> bool:
    """Whether a secret can be read in a part of a file, as it stands or as it is shown."""
    text = content.decode("utf-8", "replace")
    if redactor.finds(content.decode("latin-1")) or redactor.finds(text):
        return True
    if path.suffix in MARKUP:
        return redactor.finds(html.unescape(text))
    return path.suffix in JSON and redactor.finds(text.replace("\\\\", "\\").replace('\\"', '"'))


def _cleaned(path: Path, content: bytes, redactor: Redactor) -> bytes:
    """Return a part of a file without secrets; nothing of it if one could still be read where it is shown."""
    if not _may_hold(path, content, redactor):
        return content
    if path.suffix in JSON:
        return _retold(content, redactor)
    cleaned = redactor.bytes(content)
    if path.suffix in MARKUP and redactor.finds(html.unescape(cleaned.decode("utf-8", "replace"))):
        return b""
    return cleaned


def _parts(path: Path) -> Iterator[bytes]:
    """Yield a file's content: line by line if it is of JSON Lines, which may be long, else whole."""
    if path.suffix != ".jsonl":
        yield path.read_bytes()
        return
    with path.open("rb") as file:
        yield from file


def _retold(content: bytes, redactor: Redactor) -> bytes:
    """Return a JSON text without the secrets in its texts; as it stands if it has none there, or is cut short."""
    try:
        value = json.loads(content)
    except ValueError:
        return redactor.bytes(content)
    cleaned = _without(value, redactor)
    return content if cleaned == value else (json.dumps(cleaned, separators=(",", ":")) + "\n").encode()


def _without(value: Any, redactor: Redactor) -> Any:
    """Return a JSON value without the secrets that its texts hold."""
    if isinstance(value, list):
        return [_without(item, redactor) for item in value]
    if not isinstance(value, dict) or value.get("event") == "start":
        return value
    cleaned = {
        key: redacted(item, redactor) if key in TEXTS else _without(item, redactor) for key, item in value.items()
    }
    if isinstance(cleaned.get(SENT), dict):
        cleaned[SENT] = {**cleaned[SENT], "target": redactor.text(str(cleaned[SENT].get("target", "")))}
    return cleaned


@cache
def _own_words() -> str:
    """Return what the suite says by itself: its source and data, and what lays out and writes its pages.

    The mock says nothing in a report, and its source has passwords of its own.
    """
    package = [place for place in files("refund_conformance").iterdir() if place.name != "mock"]
    places = [*package, *(folder(name) for name in ("contracts", "schemas", "suites"))]
    libraries = [files("pytest_html"), files("ctrf"), files("_pytest").joinpath("junitxml.py")]
    return "\n".join([*(text for place in (*places, *libraries) for text in _texts(place)), templating.own_text()])


def _texts(place: Traversable) -> Iterator[str]:
    if place.is_dir():
        for inside in sorted(place.iterdir(), key=str):
            yield from _texts(inside)
    elif Path(place.name).suffix in (".py", ".toml", ".json", ".html", ".md", ".css", ".js"):
        yield place.read_text(encoding="utf-8")
