"""Static pages from the history of runs: clauses by night, clauses by target, and each clause's own story."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import jinja2

from refund_conformance.contract import documents
from refund_conformance.contract.errors import RunError, SuiteError
from refund_conformance.contract.model import Clause, Contract
from refund_conformance.report import history, summary
from refund_conformance.report.atomic_write import replace_file
from refund_conformance.report.escaping import plain
from refund_conformance.report.items import slug

NIGHTS = 60
"""Runs of one target that are shown, the last ones."""

EVIDENCE = ("report.html", summary.FILE)
"""Files of a report that are copied, for cells to lead to."""

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Night:
    """One run: what conformance.json says, and the page of its evidence from the site's top, "" if it is gone."""

    data: Data
    results: Mapping[str, str]
    href: str

    @property
    def day(self) -> str:
        """When it began, to the minute."""
        return plain(str(self.data["started"])[:16].replace("T", " "), 16) or "unknown"

    @property
    def latest(self) -> Mapping[str, str]:
        """The observed answers to the open questions."""
        return {row["id"]: row["observed"] or "" for row in self.data["questions"]}


@dataclass(frozen=True)
class Row:
    """One clause over the nights of a target."""

    clause: Clause
    results: tuple[str, ...]
    days: tuple[str, ...]

    @property
    def last(self) -> str:
        """The latest result."""
        return self.results[-1]

    @property
    def first_failed(self) -> str:
        """The day on which it failed first, "" if it never did."""
        return next((day for day, one in zip(self.days, self.results, strict=True) if one in history.BAD), "")

    @property
    def fixed(self) -> str:
        """The day on which it held first after it had failed last, "" if it did not."""
        bad = [at for at, one in enumerate(self.results) if one in history.BAD]
        after = range(bad[-1] + 1, len(self.results)) if bad else ()
        return next((self.days[at] for at in after if self.results[at] in history.GOOD), "")

    @property
    def flaking(self) -> float:
        """The share of nights on which the result changed between good and bad."""
        known = [one in history.BAD for one in self.results if one in (*history.BAD, *history.GOOD)]
        changes = sum(one != other for one, other in pairwise(known))
        return changes / (len(known) - 1) if len(known) > 1 else 0.0


@dataclass(frozen=True)
class Target:
    """The runs of one target with one profile, oldest first."""

    name: str
    profile: str
    nights: tuple[Night, ...]
    rows: tuple[Row, ...]

    @property
    def page(self) -> str:
        """The file name of its page."""
        return f"{slug(f'{self.name}-{self.profile}')}.html"

    @property
    def last(self) -> Night:
        """The latest run."""
        return self.nights[-1]

    @property
    def answers(self) -> list[tuple[str, str, str, str]]:
        """Changed answers to open questions: question, day, before, after."""
        found = []
        for one, other in pairwise(self.nights):
            for question, after in other.latest.items():
                before = one.latest.get(question, "")
                if before and after and before != after:
                    found.append((question, other.day, plain(before, 100), plain(after, 100)))
        return found


def build(contract: Contract, reports: Sequence[Path], out: Path) -> list[Path]:
    """Make the site of some report directories, or directories of reports, and return its pages.

    The kept history of each report is taken in. Raises RunError if there is no run, or OUT cannot be written.
    """
    runs = _runs(reports)
    if not runs:
        named = ", ".join(map(str, reports)) or "nothing"
        raise RunError(named, "holds no report", "Name directories with a conformance.json, or that hold some.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        targets = [_target(contract, nights) for nights in _grouped(runs, out)]
        pages = {target.page: _render("target.html", contract, target=target) for target in targets}
        pages["index.html"] = _render("index.html", contract, targets=targets)
        for name, text in pages.items():
            replace_file(out / name, text)
    except OSError as problem:
        raise RunError(
            f"site {out}", problem.strerror or "cannot be written", "Name another with --out."
        ) from problem
    return [out / name for name in pages]


def _runs(reports: Sequence[Path]) -> dict[str, tuple[Data, Path | None]]:
    """Return every run once by its name in a history; with the directory of its report, if that is there."""
    found: dict[str, tuple[Data, Path | None]] = {}
    for given in reports:
        for path in sorted({*given.glob(summary.FILE), *given.glob(f"**/{summary.FILE}")}):
            data = _read(path)
            if data is not None:
                found[history.file(path.parent, data).name] = (data, path.parent)
                for kept in sorted(history.place(path.parent).glob("*.json")):
                    old = _read(kept)
                    if old is not None:
                        found.setdefault(kept.name, (old, None))
    return found


def _read(path: Path) -> Data | None:
    try:
        data: Data = documents.read_json(path, RunError)
        documents.check(data, "conformance-report", str(path), RunError)
    except SuiteError:
        return None
    return data


def _grouped(runs: Mapping[str, tuple[Data, Path | None]], out: Path) -> list[list[Night]]:
    groups: dict[tuple[str, str], list[Night]] = {}
    for name, (data, directory) in sorted(runs.items()):
        night = Night(data, history.results(data), _copy(directory, name.removesuffix(".json"), out))
        groups.setdefault((data["target"], data["profile"]), []).append(night)
    return [nights[-NIGHTS:] for nights in groups.values()]


def _copy(directory: Path | None, name: str, out: Path) -> str:
    """Copy the evidence of a run into the site, and return where its page is; "" if there is none."""
    place = out / "runs" / name
    if directory is not None and (directory / EVIDENCE[0]).is_file():
        place.mkdir(parents=True, exist_ok=True)
        for file in EVIDENCE:
            shutil.copyfile(directory / file, place / file)
    return f"runs/{name}/{EVIDENCE[0]}" if (place / EVIDENCE[0]).is_file() else ""


def _target(contract: Contract, nights: Sequence[Night]) -> Target:
    days = tuple(night.day for night in nights)
    rows = tuple(
        Row(clause, tuple(night.results.get(clause.id, "none") for night in nights), days)
        for clause in contract.clauses.values()
    )
    data = nights[0].data
    return Target(plain(data["target"], 100) or "unknown", plain(data["profile"], 50), tuple(nights), rows)


def _render(name: str, contract: Contract, **content: object) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("refund_conformance.report", "templates/site"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (files("refund_conformance.report") / "templates" / "site" / "site.css").read_text(encoding="utf-8")
    known = {"document": contract.operation.document, "clauses": contract.clauses, "style": style}
    return environment.get_template(name).render(**known, **content)
