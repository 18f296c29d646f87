"""Faults of the fields together: their names, and how those that are invalid are reported."""

from collections.abc import Callable

from refund_conformance.mock.call import Answer, Call, Error
from refund_conformance.mock.checks import FIELDS
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.builders import FieldsLast, with_effect
from refund_conformance.mock.faults.fault import FaultyEndpoint, Shelf

shelf = Shelf()


# ---- names


def renaming(name_of: Callable[[str], str]) -> FaultyEndpoint:
    """Return an endpoint that knows fields by other spellings of their names, unless the right one is there."""

    class Renaming(Endpoint):
        def check_fields(self, call: Call) -> None:
            renamed = {name_of(key): value for key, value in call.document.items()}
            call.document = {**renamed, **call.document}
            super().check_fields(call)

    return Renaming


def _without_signs(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


_ALIASES = {
    "mail": "email",
    "e-mail": "email",
    "e_mail": "email",
    "emailAddress": "email",
    "email_address": "email",
}


def _alias(name: str) -> str:
    return _ALIASES.get(name, name)


def _nearest(name: str) -> str:
    for field in FIELDS:
        if sorted(name) == sorted(field) or (
            abs(len(name) - len(field)) == 1 and _shares_all_but_one(name, field)
        ):
            return field
    return name


def _shares_all_but_one(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))


for _name, _story, _name_of in (
    ("any-case", "Property names are matched without case, as in .NET and Go.", str.lower),
    ("trimmed", "Keys are trimmed by a middleware.", str.strip),
    ("signs-ignored", "A mapper folds camel, snake and kebab case into one.", _without_signs),
    ("aliases", "Earlier names of the field are still taken.", _alias),
    ("nearest", "A forgiving mapper takes the nearest name.", _nearest),
):
    shelf.put(f"fields-{_name}", "fields.name", _story, renaming(_name_of))


# ---- every invalid field, once each


def reporting(choose: Callable[[tuple[str, ...]], tuple[str, ...]]) -> FaultyEndpoint:
    """Return an endpoint that reports others than exactly the invalid fields."""

    class Reporting(Endpoint):
        def invalid_fields(self, call: Call) -> tuple[str, ...]:
            names = super().invalid_fields(call)
            return choose(names) if names else names

    return Reporting


for _name, _story, _choose in (
    ("first-only", "Validation stops at the first invalid field.", lambda names: names[:1]),
    ("last-only", "Each error overwrites the one before.", lambda names: names[-1:]),
    ("all-suspected", "Once one field is invalid, all are reported.", lambda names: FIELDS),
    ("one-for-all", "One error sums up several fields.", lambda names: (", ".join(names),)),
):
    shelf.put(f"fields-{_name}", "fields.all-reported", _story, reporting(_choose))


@shelf.fault(
    "fields-required-first", "fields.all-reported", "Types and formats are checked once nothing is missing."
)
class RequiredFirst(Endpoint):
    def invalid_fields(self, call: Call) -> tuple[str, ...]:
        return super().invalid_fields(call) if "email" in call.document else ("email",)


@shelf.fault("fields-types-first", "fields.all-reported", "Lengths are checked once all types are right.")
class TypesFirst(Endpoint):
    def invalid_fields(self, call: Call) -> tuple[str, ...]:
        names = super().invalid_fields(call)
        mistyped = tuple(name for name in names if not isinstance(call.document.get(name, ""), str))
        return mistyped or names


# ---- messages


def saying(words: Callable[[str], str]) -> FaultyEndpoint:
    """Return an endpoint that words the messages for fields in its own way."""

    class Saying(Endpoint):
        def field_error(self, name: str) -> Error:
            return Error(15010, words(name))

    return Saying


_OTHER = {"email": "description", "description": "email"}

for _name, _story, _words in (
    ("unnamed", "The placeholder was dropped from the translated text.", lambda name: "Invalid field value"),
    ("placeholder", "The placeholder is sent as it stands.", lambda name: "Invalid field value: [parametr name]"),
    ("numbered", "Fields are named by their position.", lambda name: f"Invalid field value: {FIELDS.index(name)}"),
    (
        "swapped",
        "Messages and fields are paired by position, and the positions differ.",
        lambda name: f"Invalid field value: {_OTHER[name]}",
    ),
    (
        "column-names",
        "The message has the database's column instead of the field.",
        lambda name: f"Invalid field value: {({'email': 'contact_addr', 'description': 'reason_text'})[name]}",
    ),
    ("always-email", "The field's name was pasted with the code.", lambda name: "Invalid field value: email"),
):
    shelf.put(f"fields-message-{_name}", "fields.message-names-field", _story, saying(_words))


# ---- effects


def _about(name: str) -> Callable[[Answer], bool]:
    return lambda answer: 15010 in answer.codes and name in answer.reason


for _name, _story in (
    ("email", "The refund request is saved, and then the address is found wanting."),
    ("description", "The description is validated where it is shown, after the request was made."),
):
    shelf.put(f"fields-{_name}-with-effect", "fields.no-effect", _story, with_effect(_about(_name)))
shelf.put(
    "fields-with-effect",
    "fields.no-effect",
    "The transaction is committed before the validator's verdict is read.",
    with_effect(lambda answer: 15010 in answer.codes),
)


@shelf.fault("fields-several-with-effect", "fields.no-effect", "Only the first error rolls the transaction back.")
class SeveralWithEffect(FieldsLast):
    def check_fields(self, call: Call) -> None:
        if len(self.invalid_fields(call)) > 1 and call.order is not None:
            self.store.create_refund_request(call.order.id, "unknown@example.com", None)
        super().check_fields(call)
