"""The contract as data: operation, error table, outcomes, clauses, questions and the fields of the body."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeVar

from refund_conformance.contract import documents
from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import ContractError

Key = TypeVar("Key")
Row = TypeVar("Row")


VALID = {
    "route": "refund",
    "authorization": "valid",
    "content_type": "json",
    "body": "object",
    "caller": "configured",
    "order": "refundable",
}
"""The value of each part with which nothing is wrong; every other value has an outcome in the contract."""

PRECEDENCE = "precedence"
"""The question of which of several wrong parts answers; it is pinned by an order of parts."""


class Level(StrEnum):
    """How binding a clause is."""

    MUST = "must"
    SHOULD = "should"


@dataclass(frozen=True)
class Operation:
    """The endpoint: method, path template with ``{order}``, media type, header and success status.

    ``production_hosts`` are the hosts where real orders are, which are never sent anything.
    ``error_body_statuses`` are those that an error body always comes with.
    """

    name: str
    method: str
    path: str
    login_path: str
    media_type: str
    authorization_header: str
    authorization_scheme: str
    success_status: int
    document: str
    production_hosts: tuple[str, ...] = ()
    error_body_statuses: frozenset[int] = frozenset()


@dataclass(frozen=True)
class ErrorCode:
    """A row of the error table. ``effect`` says whether it stands alone or beside others."""

    code: int
    status: int
    message: str
    effect: Literal["interrupts", "accumulates"]


@dataclass(frozen=True)
class Outcome:
    """What is permitted when one part has one wrong value.

    ``errors`` is the one permitted code, "some" for at least one, "undemanded", or "anything" if neither the body
    nor that there is an answer matters. ``repeats`` permits several errors for one field, ``alone`` says that this
    is answered before anything else is looked at.
    """

    part: str
    value: str
    statuses: frozenset[int]
    errors: int | Literal["some", "undemanded", "anything"]
    should: frozenset[int]
    repeats: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Clause:
    """A promise with its stable id, level, sentence and source in the document."""

    id: str
    level: Level
    promise: str
    source: str
    every_answer: bool = False

    @property
    def area(self) -> str:
        """The part of the id before the dot."""
        return self.id.partition(".")[0]


@dataclass(frozen=True)
class Question:
    """What the document leaves open.

    ``answers`` maps each lawful answer to the part and value that the request then counts as (none: nothing
    is wrong). ``order`` is set instead for the question of precedence: the parts that an answer may list.
    """

    id: str
    asks: str
    answers: Mapping[str, Mapping[str, str]]
    permitted: tuple[str, ...]
    order: tuple[str, ...] = ()


@dataclass(frozen=True)
class Field:
    """A field of the request body with its schema keywords."""

    name: str
    required: bool
    schema: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Contract:
    """Everything the document promises, checked for coherence when loaded. Equal to itself alone."""

    operation: Operation
    errors: Mapping[int, ErrorCode]
    outcomes: Mapping[tuple[str, str], Outcome]
    clauses: Mapping[str, Clause]
    questions: Mapping[str, Question]
    fields: Mapping[str, Field]

    @cached_property
    def areas(self) -> tuple[str, ...]:
        """Areas in the contract's order."""
        return tuple(dict.fromkeys(clause.area for clause in self.clauses.values()))

    def select(self, selectors: Iterable[str]) -> frozenset[str]:
        """Return the ids of the clauses that any selector names by id or by prefix; all if there is none.

        Raises ContractError naming a selector that matches nothing.
        """
        chosen: set[str] = set()
        selectors = tuple(selectors)
        for selector in selectors:
            found = [id_ for id_ in self.clauses if id_ == selector or id_.startswith(selector)]
            if not found:
                raise ContractError(
                    f"CLAUSE {selector!r}", "matches no clause", "`refund-conformance clauses` lists them all."
                )
            chosen.update([selector] if selector in self.clauses else found)
        return frozenset(chosen) if selectors else frozenset(self.clauses)


def load(contract: Path | None = None, schema: Path | None = None) -> Contract:
    """Read the contract and the request schema that ship with the project, or the given files.

    Raises ContractError, naming file, member and remedy, if either does not hold together.
    """
    if contract is None and schema is None:
        return _shipped()
    return _read(contract or _contract(), schema or _schema())


def _contract() -> Path:
    return folder("contracts") / "create-refund-request.toml"


def _schema() -> Path:
    return folder("schemas") / "refund-request.json"


@cache
def _shipped() -> Contract:
    return _read(_contract(), _schema())


def _read(contract: Path, schema: Path) -> Contract:
    data = documents.read_toml(contract, ContractError)
    documents.check(data, "contract", str(contract), ContractError)
    loaded = Contract(
        operation=_operation(data["operation"]),
        errors=_unique(contract, "errors", (ErrorCode(**row) for row in data["errors"]), lambda row: row.code),
        outcomes=_unique(contract, "outcomes", map(_outcome, data["outcomes"]), lambda row: (row.part, row.value)),
        clauses=_unique(contract, "clauses", map(_clause, data["clauses"]), lambda row: row.id),
        questions=_unique(contract, "questions", map(_question, data["questions"]), lambda row: row.id),
        fields=_fields(schema),
    )
    _check_coherence(contract, loaded)
    return loaded


def _unique(path: Path, what: str, rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, Row]:
    found: dict[Key, Row] = {}
    for row in rows:
        if key(row) in found:
            raise ContractError(f"{path}: {what}", f"{key(row)!r} stands there twice", "Remove one of them.")
        found[key(row)] = row
    return found


def _operation(row: dict[str, Any]) -> Operation:
    hosts, statuses = row.get("production_hosts", ()), row.get("error_body_statuses", ())
    return Operation(**{**row, "production_hosts": tuple(hosts), "error_body_statuses": frozenset(statuses)})


_HUNDREDS = {"4xx": range(400, 500), "5xx": range(500, 600)}


def _outcome(row: dict[str, Any]) -> Outcome:
    statuses = chain.from_iterable(_HUNDREDS.get(status, (status,)) for status in row["statuses"])
    lists = {"statuses": frozenset(statuses), "should": frozenset(row.get("should", ()))}
    return Outcome(**{**row, **lists})


def _clause(row: dict[str, Any]) -> Clause:
    return Clause(**{**row, "level": Level(row["level"])})


def _question(row: dict[str, Any]) -> Question:
    answers = row.get("answers", {})
    return Question(
        row["id"], row["asks"], answers, tuple(row.get("permitted", answers)), tuple(row.get("order", ()))
    )


def _fields(path: Path) -> dict[str, Field]:
    schema = documents.validator_of(path).schema
    if not isinstance(schema, dict) or schema.get("type") != "object" or not schema.get("properties"):
        raise ContractError(str(path), "does not describe an object with properties", "Add them.")
    properties = schema["properties"]
    for name, keywords in properties.items():
        if not isinstance(keywords, dict):
            raise ContractError(f"{path}: properties.{name}", "is no object of keywords", "Describe the field.")
    required = frozenset(schema.get("required", ()))
    for name in sorted(required - properties.keys()):
        raise ContractError(f"{path}: required", f"{name!r} is no property", "Add it to properties.")
    return {name: Field(name, name in required, keywords) for name, keywords in properties.items()}


def _check_coherence(path: Path, contract: Contract) -> None:
    for outcome in contract.outcomes.values():
        error = contract.errors.get(outcome.errors) if isinstance(outcome.errors, int) else None
        if error and outcome.statuses != {error.status}:
            raise ContractError(
                f"{path}: outcome {outcome.part}={outcome.value}",
                f"its statuses are not that of error {error.code}, {error.status}",
                "Let the two agree.",
            )
    if ("field", "invalid") not in contract.outcomes:
        raise ContractError(f"{path}: outcomes", "there is none for field=invalid", "Add it.")
    for question in contract.questions.values():
        _check_question(f"{path}: question {question.id}", question, contract)


def _check_question(what: str, question: Question, contract: Contract) -> None:
    parts = sorted({part for part, _ in contract.outcomes})
    if not question.answers and sorted(question.order) != parts:
        raise ContractError(
            what, "does not order each part that has outcomes once", f"Order these: {', '.join(parts)}."
        )
    for answer, effect in question.answers.items():
        for part, value in effect.items():
            if (part, value) not in contract.outcomes and VALID.get(part) != value:
                raise ContractError(
                    f"{what}, answer {answer}", f"there is no outcome {part}={value}", "Add the outcome."
                )
    for answer in question.permitted:
        if answer not in question.answers:
            raise ContractError(what, f"permits {answer!r}, which is no answer", "Correct it.")
