"""How this server answers the questions that the document leaves open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from refund_conformance.contract.errors import UsageError
from refund_conformance.contract.model import Contract


@dataclass(frozen=True)
class Answers:
    """One lawful answer to each open question of the contract, under the question's id with underscores.

    The defaults accept what most servers accept. The question of precedence is answered by the order of an
    endpoint's steps instead.
    """

    content_type_parameters: str = "accepted"
    content_type_case: str = "accepted"
    byte_order_mark: str = "110"
    utf16_json: str = "110"
    duplicate_keys: str = "accepted"
    lone_surrogate: str = "accepted"
    nul_character: str = "accepted"
    character_unit: str = "code-points"
    unknown_field: str = "ignored"
    empty_description: str = "accepted"
    bearer_case: str = "401"
    international_email: str = "accepted"
    deep_nesting: str = "accepted"
    number_range: str = "15010"
    malformed_order_id: str = "404"
    order_not_found_code: str = "15060"
    unconfigured_order: str = "15000"
    repeated_field_errors: str = "once"
    oversized_request: str = "as-documented"
    email_surrounding_space: str = "15010"
    path_cleaning: str = "404"
    unsupported_encoding: str = "accepted"
    chunked_body: str = "accepted"
    unusual_members: str = "accepted"


def answers_of(chosen: Mapping[str, str], contract: Contract) -> Answers:
    """Return the default answers with the chosen ones in their place, each named as in the contract.

    Raises UsageError for a question that the contract does not ask or an answer that it does not know.
    """
    known = {row.name for row in fields(Answers)}
    changes: dict[str, str] = {}
    for question, answer in chosen.items():
        name = question.replace("-", "_")
        if question not in contract.questions or name not in known:
            raise UsageError(
                f"question {question!r}", "the mock has no switch for it", _listed("Questions", known)
            )
        lawful = contract.questions[question].answers
        if answer not in lawful:
            raise UsageError(f"answer {answer!r} to {question}", "is not a lawful one", _listed("Answers", lawful))
        changes[name] = answer
    return Answers(**changes)


def answers_from(pairs: tuple[str, ...]) -> dict[str, str]:
    """Read QUESTION=ANSWER pairs as a command line has them; raise UsageError for one without its sign."""
    chosen: dict[str, str] = {}
    for pair in pairs:
        question, sign, answer = pair.partition("=")
        if not sign:
            raise UsageError(f"answer {pair!r}", "has no =", "Write QUESTION=ANSWER.")
        chosen[question.strip()] = answer.strip()
    return chosen


def _listed(what: str, names: Iterable[str]) -> str:
    return f"{what}: {', '.join(sorted(name.replace('_', '-') for name in names))}."
