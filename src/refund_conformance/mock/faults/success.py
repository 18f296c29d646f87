"""Faults of the answer to a request that was accepted."""

from refund_conformance.mock.call import Answer, Call, Headers
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.fault import FaultyEndpoint, Shelf

shelf = Shelf()


def succeeding(
    status: int, body: bytes = b"", media_type: str = "application/json", headers: Headers = ()
) -> FaultyEndpoint:
    """Return an endpoint with another answer on success."""

    class Succeeding(Endpoint):
        def answer_success(self, call: Call) -> Answer:
            return Answer(status, body, media_type if body else "", headers)

    return Succeeding


for _name, _story, _endpoint in (
    ("201", "Something was created, so the status says.", succeeding(201)),
    (
        "201-with-location",
        "REST by the book, not by the document.",
        succeeding(201, b'{"id": 1}', headers=((b"location", b"/v1/refund/1"),)),
    ),
    ("202", "The request is processed later, so it is accepted.", succeeding(202)),
    ("204", "There is no body, so there is no content.", succeeding(204)),
    ("207", "A batch endpoint answers for one.", succeeding(207, b"{}")),
):
    shelf.put(f"success-{_name}", "success.status", _story, _endpoint)

for _name, _story, _body in (
    ("error-zero", "Zero means that there is no error.", b'{"errors": [{"error": 0, "message": "OK"}]}'),
    (
        "error-15050",
        "The state is read again after the creation, and reported.",
        b'{"errors": [{"error": 15050, "message": "Order refund request already exists."}]}',
    ),
    (
        "warning",
        "A warning travels in the list of errors.",
        b'{"id": 1, "errors": [{"error": 15010, "message": "Invalid field value: description"}]}',
    ),
):
    shelf.put(f"success-{_name}", "success.body", _story, succeeding(200, _body))

shelf.put(
    "success-303",
    "server.answers",
    "After a form was posted one is sent to a page.",
    succeeding(303, headers=((b"location", b"/orders"),)),
)
