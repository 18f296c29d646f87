"""JSON as RFC 8259 has it, and nothing else."""

import json
from typing import Any, NoReturn


def parse(body: bytes) -> Any:
    """Parse JSON strictly (RFC 8259, UTF-8); raise ValueError for anything that is not, or is too deep."""
    if not body:
        raise ValueError("it is empty")
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it nests too deeply") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
