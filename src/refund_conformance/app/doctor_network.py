"""Whether a target can be reached: its name, a connection, and its certificate."""

import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from refund_conformance.app.doctor_lines import Line, of_target, ok, span, warning
from refund_conformance.sut.settings import Settings
from refund_conformance.transport import tls

CERTIFICATE_DAYS = 14
"""Days before a certificate's end from which on it is a warning."""

_DAY = 86400


def reached(what: str, url: str, settings: Settings) -> Iterator[Line]:
    """Resolve the name, connect, and look at the certificate, without sending a request."""
    if settings.proxy:
        yield ok(what, "is reached by a proxy, so name, connection and certificate were not looked at")
        return
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        yield of_target(
            what, f"the name {host} cannot be resolved ({problem})", "Check the URL and the name server."
        )
        return
    try:
        with socket.create_connection((host, port), settings.timeout) as connection:
            yield ok(what, f"{host} port {port} takes connections")
            if parts.scheme == "https":
                yield _certificate(what, host, connection, settings.ca_bundle)
    except OSError as problem:
        remedy = "See that the server is up, and that a firewall lets requests through."
        yield of_target(what, f"{host} port {port} cannot be reached ({problem})", remedy)


def _certificate(what: str, host: str, connection: socket.socket, bundle: str | None) -> Line:
    try:
        with tls.context(bundle).wrap_socket(connection, server_hostname=host) as secured:
            certificate, version = secured.getpeercert() or {}, secured.version()
    except ssl.SSLCertVerificationError as problem:
        remedy = "Renew the certificate, or name the authority that signed it in target.ca_bundle."
        return of_target(what, f"its certificate is not valid: {problem.verify_message}", remedy)
    except OSError as problem:
        return of_target(what, f"no TLS connection ({problem})", "See that the port speaks TLS 1.2 or later.")
    left = ssl.cert_time_to_seconds(str(certificate.get("notAfter"))) - time.time()
    text = f"{version}, and the certificate is valid for {span(left)}"
    return ok(what, text) if left >= CERTIFICATE_DAYS * _DAY else warning(what, text, "Renew it in time.")
