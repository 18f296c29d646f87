"""Read the project's own JSON and TOML files and check them against their schemas."""

import json
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, SchemaError
from jsonschema.exceptions import best_match

from refund_conformance.contract.data_files import folder
from refund_conformance.contract.errors import ContractError, SuiteError

ErrorClass = Callable[[str, str, str], SuiteError]


def read_toml(path: Path, error: ErrorClass) -> dict[str, Any]:
    """Parse a TOML file, also with a byte order mark; raise ``error`` if it cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as problem:
        raise error(str(path), f"is not TOML ({problem})", "Correct the file.") from problem
    except OSError as problem:
        raise error(str(path), problem.strerror or "cannot be read", "Name a file that can be read.") from problem


def read_json(path: Path, error: ErrorClass) -> Any:
    """Parse a JSON file; raise ``error`` if it cannot be read or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as problem:
        raise error(str(path), f"is not JSON ({problem})", "Correct the file.") from problem
    except OSError as problem:
        raise error(str(path), problem.strerror or "cannot be read", "Name a file that can be read.") from problem


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the validator for ``schemas/<name>.json``, one of our own, which the tests check."""
    return Draft202012Validator(read_json(folder("schemas") / f"{name}.json", ContractError))


def validator_of(path: Path) -> Draft202012Validator:
    """Return the validator for a schema file; raise ContractError if it is no valid schema."""
    schema = read_json(path, ContractError)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as problem:
        raise ContractError(str(path), f"is no JSON Schema: {problem.message}", "Correct the schema.") from problem
    return Draft202012Validator(schema)


def check(value: object, schema: str, what: str, error: ErrorClass) -> None:
    """Raise ``error`` naming the member of ``value`` that breaks ``schemas/<schema>.json``, if one does."""
    problem = best_match(validator(schema).iter_errors(value))
    if problem is None:
        return
    where = ".".join(str(step) for step in problem.absolute_path) or "the top level"
    raise error(f"{what}: {where}", _shortened(problem.message), f"See schemas/{schema}.json for the form.")


def _shortened(message: str, limit: int = 300) -> str:
    return message if len(message) <= limit else message[:limit] + "…"
