"""The OpenAPI document is valid, says what the contract says, and repeats none of it in its program."""

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from refund_conformance.app.cli import main
from refund_conformance.contract import documents
from refund_conformance.contract import model as contracts
from refund_conformance.contract import openapi as description

CONTRACT = contracts.load()
OPENAPI = description.openapi()
(PATH,) = OPENAPI["paths"]
OPERATION = OPENAPI["paths"][PATH]["post"]


def body_schema(status: str) -> Draft202012Validator:
    """The schema of an error body, where its references lead somewhere."""
    (content,) = OPERATION["responses"][status]["content"].values()
    return Draft202012Validator({**content["schema"], "components": OPENAPI["components"]})


def errors(*codes: int) -> dict[str, Any]:
    return {"errors": [{"error": code, "message": "x"} for code in codes]}


def test_it_is_valid() -> None:
    validate(OPENAPI, cls=OpenAPIV31SpecValidator)
    assert OPENAPI["openapi"].startswith("3.1.")


def test_it_describes_the_operation_of_the_contract() -> None:
    assert CONTRACT.operation.path == PATH
    assert list(OPENAPI["paths"][PATH]) == [CONTRACT.operation.method.lower()]
    (scheme,) = OPENAPI["components"]["securitySchemes"].values()
    assert (scheme["in"], scheme["name"]) == ("header", CONTRACT.operation.authorization_header)
    assert list(OPERATION["requestBody"]["content"]) == [CONTRACT.operation.media_type]
    assert [(row["name"], row["in"]) for row in OPERATION["parameters"]] == [("order", "path")]


@pytest.mark.parametrize(
    ("name", "file"), [("RefundRequest", "refund-request"), ("ErrorResponse", "error-response")]
)
def test_schemas_are_those_of_the_files(name: str, file: str) -> None:
    found = OPENAPI["components"]["schemas"][name]
    assert isinstance(schema := documents.validator(file).schema, dict)
    assert found == {keyword: value for keyword, value in schema.items() if not keyword.startswith("$")}


def test_every_documented_error_has_an_example_under_its_status() -> None:
    shown = {
        (int(status), entry["error"], entry["message"])
        for status, response in OPERATION["responses"].items()
        for content in response.get("content", {}).values()
        for example in content["examples"].values()
        for entry in example["value"]["errors"]
    }
    assert shown == {(row.status, row.code, row.message.format(field="email")) for row in CONTRACT.errors.values()}
    assert set(OPERATION["responses"]) == {"200", "400", "401", "404"}


@pytest.mark.parametrize("status", ["400", "401", "404"])
def test_examples_fit_their_schema(status: str) -> None:
    schema = body_schema(status)
    for content in OPERATION["responses"][status]["content"].values():
        for example in content["examples"].values():
            schema.validate(example["value"])


@pytest.mark.parametrize(
    ("status", "body", "fits"),
    [
        ("400", errors(15010, 15010), True),
        ("400", errors(15050), True),
        ("400", errors(15050, 15010), False),
        ("400", errors(110, 111), False),
        ("400", errors(15060), False),
        ("400", errors(), False),
        ("400", {"errors": [{"error": "110", "message": "x"}]}, False),
        ("400", {**errors(110), "request_id": 1}, True),
        ("401", errors(1007, 1008), True),
        ("401", errors(110), False),
        ("404", errors(15060), True),
        ("404", errors(15020), False),
        ("404", [], False),
    ],
)
def test_bodies_are_told_apart_as_the_contract_has_it(status: str, body: Any, fits: bool) -> None:
    assert body_schema(status).is_valid(body) is fits


def test_another_contract_makes_another_document() -> None:
    moved = replace(CONTRACT.errors[15060], code=15061, status=410, message="Gone.")
    table = {code: row for code, row in CONTRACT.errors.items() if code != 15060} | {15061: moved}
    outcomes = {
        key: replace(row, statuses=frozenset({410})) if key[0] == "order" and 404 in row.statuses else row
        for key, row in CONTRACT.outcomes.items()
    }
    operation = replace(CONTRACT.operation, method="PUT", path="/v9/{order}", authorization_header="X-Key")
    made = description.openapi(replace(CONTRACT, errors=table, outcomes=outcomes, operation=operation, clauses={}))
    validate(made, cls=OpenAPIV31SpecValidator)
    responses = made["paths"]["/v9/{order}"]["put"]["responses"]
    assert set(responses) == {"200", "400", "401", "410"}
    assert "Gone." in json.dumps(responses["410"])
    assert "X-Key" in made["components"]["securitySchemes"]


def test_its_program_holds_no_status_code_message_or_limit() -> None:
    tree = ast.parse(Path(description.__file__).read_text(encoding="utf-8"))
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    limits = {
        value for field in CONTRACT.fields.values() for value in field.schema.values() if isinstance(value, int)
    }
    told = {*range(200, 600), *CONTRACT.errors, *limits}
    assert limits
    assert not told & {value for value in constants if isinstance(value, int)}
    texts = " ".join(value for value in constants if isinstance(value, str))
    messages = {row.message.partition("{")[0] for row in CONTRACT.errors.values()}
    assert not any(
        part in texts for part in (*messages, *map(str, told - {value for value in told if value < 100}))
    )


def test_the_command_prints_it() -> None:
    done = CliRunner().invoke(main, ["openapi"])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == OPENAPI
