"""Faults of the caller's configuration."""

from refund_conformance.mock.call import Call
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.builders import having, refused_as
from refund_conformance.mock.faults.fault import Shelf

shelf = Shelf()

_UNCONFIGURED = having(15000)


@shelf.fault("caller-unchecked", "caller.configuration", "Without a configuration the defaults are used.")
class Unchecked(Endpoint):
    def identify_caller(self, call: Call) -> None:
        """Take everybody for configured."""


for _name, _story, _status, _codes in (
    ("401", "An account without configuration is treated like no account.", 401, (1007,)),
    ("403", "An account without configuration is forbidden to use the API.", 403, None),
    ("404", "What cannot be identified is not found.", 404, None),
    ("500", "The configuration is null and is used.", 500, ()),
    ("500-with-code", "The server blames itself for the account's settings.", 500, None),
    ("15030", "The order's status is read through the configuration.", 400, (15030,)),
):
    shelf.put(f"caller-{_name}", "caller.configuration", _story, refused_as(_UNCONFIGURED, _status, _codes))
