"""The operation as an OpenAPI 3.1 document, made from the contract and the schemas.

Limits, codes, messages and statuses stand there alone; here is only how OpenAPI says them.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from refund_conformance import __version__
from refund_conformance.contract import documents
from refund_conformance.contract.model import Contract, ErrorCode, load

VERSION = "3.1.0"
"""The version of OpenAPI that is written."""

REQUEST, ERRORS = "RefundRequest", "ErrorResponse"
"""Names of the two schemas among the document's components."""

_FILES = {REQUEST: "refund-request", ERRORS: "error-response"}
_OF_A_FILE = ("$schema", "$id")
_PLAIN_DECIMAL = "^[1-9][0-9]*$"


def openapi(contract: Contract | None = None) -> dict[str, Any]:
    """Return the document for the contract that ships with the project, or for another one.

    Raises ContractError if the contract or a schema does not hold together.
    """
    contract = contract or load()
    operation = contract.operation
    return {
        "openapi": VERSION,
        "info": {
            "title": operation.name,
            "version": __version__,
            "summary": f"What “{operation.document}” promises, as refund-conformance checks it.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": {operation.path: {operation.method.lower(): _operation(contract)}},
        "components": {
            "schemas": {name: _schema(file) for name, file in _FILES.items()},
            "securitySchemes": {operation.authorization_header: _authorization(contract)},
        },
    }


def _schema(file: str) -> dict[str, Any]:
    schema = documents.validator(file).schema
    assert isinstance(schema, Mapping)  # noqa: S101  (no schema of ours is a plain true or false)
    return {keyword: value for keyword, value in schema.items() if keyword not in _OF_A_FILE}


def _authorization(contract: Contract) -> dict[str, str]:
    operation = contract.operation
    return {
        "type": "apiKey",
        "in": "header",
        "name": operation.authorization_header,
        "description": f"`{operation.authorization_scheme} <token>`, with a token from {operation.login_path}.",
    }


def _operation(contract: Contract) -> dict[str, Any]:
    operation = contract.operation
    return {
        "operationId": "_".join(operation.name.lower().split()),
        "summary": operation.name,
        "description": _promises(contract, "order."),
        "security": [{operation.authorization_header: []}],
        "parameters": [_order(contract)],
        "requestBody": {
            "required": True,
            "content": {operation.media_type: {"schema": _reference(REQUEST)}},
        },
        "responses": {
            str(operation.success_status): {"description": "The refund request was created."},
            **{str(status): _refusal(contract, status) for status in _refusals(contract)},
        },
    }


def _promises(contract: Contract, begin: str) -> str:
    return "\n".join(f"- {clause.promise}" for id_, clause in contract.clauses.items() if id_.startswith(begin))


def _order(contract: Contract) -> dict[str, Any]:
    return {
        "name": "order",
        "in": "path",
        "required": True,
        "description": _promises(contract, "route.order-id"),
        "schema": {"type": "string", "pattern": _PLAIN_DECIMAL},
    }


_UNTOLD = ("undemanded", "anything")
"""Errors of outcomes whose answers are HTTP's own, and none of the document's."""


def _refusals(contract: Contract) -> list[int]:
    """Return the statuses of what can be wrong with a request to the operation, and not with its URL or method."""
    told = (row for row in contract.outcomes.values() if row.part != "route" and row.errors not in _UNTOLD)
    return sorted({status for row in told for status in row.statuses})


def _refusal(contract: Contract, status: int) -> dict[str, Any]:
    rows = [row for row in contract.errors.values() if row.status == status]
    alone = [row for row in rows if row.effect == "interrupts"]
    beside = [row for row in rows if row.effect == "accumulates"]
    kinds = [_entries(alone, maxItems=1)] if alone else []
    kinds += [_entries(beside)] if beside else []
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(str(row.code) for row in rows)}.",
        "content": {
            contract.operation.media_type: {
                "schema": {"allOf": [_reference(ERRORS), {"anyOf": kinds}]},
                "examples": {str(row.code): _example(contract, row) for row in rows},
            }
        },
    }


def _entries(rows: Iterable[ErrorCode], **keywords: int) -> dict[str, Any]:
    codes = [row.code for row in rows]
    return {"properties": {"errors": {**keywords, "items": {"properties": {"error": {"enum": codes}}}}}}


def _example(contract: Contract, row: ErrorCode) -> dict[str, Any]:
    field = next(field.name for field in contract.fields.values() if field.required)
    message = row.message.format(field=field)
    return {"summary": message, "value": {"errors": [{"error": row.code, "message": message}]}}


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}
