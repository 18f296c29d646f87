"""Base URL and authorization header, as far as an OpenAPI document or a Postman file gives them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from refund_conformance.contract.errors import UsageError
from refund_conformance.contract.model import Operation
from refund_conformance.sut.settings import is_loopback

_URL_KEYS = ("baseurl", "base", "url", "host", "hostname", "server", "endpoint", "domain", "apiurl", "apihost")
"""Names of Postman variables that hold the URL of an API, in small letters without separators, likeliest first."""

_AUTHORIZATION = re.compile(r"auth|token|jwt|api-?key", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True)
class Description:
    """What a file gives: ``base_url`` without the path of the operation, and ``header``; "" where it does not."""

    base_url: str = ""
    header: str = ""


def read(path: Path, operation: Operation) -> Description:
    """Read an OpenAPI 2 or 3 document (JSON or YAML), a Postman environment or a Postman collection.

    Raises UsageError for a file that cannot be read or is none of them.
    """
    data = _loaded(path)
    if isinstance(data.get("paths"), dict) or "openapi" in data or "swagger" in data:
        found = _from_openapi(data, operation)
    elif isinstance(data.get("values"), list):
        found = Description(_postman_url(_variables(data["values"])), _postman_header(data["values"]))
    elif isinstance(data.get("item"), list):
        found = _from_collection(data, operation)
    else:
        raise UsageError(
            str(path),
            "is neither an OpenAPI document nor a Postman environment or collection",
            "Name such a file, or give --base-url and --header.",
        )
    header = found.header if _HEADER_NAME.fullmatch(found.header) else ""
    return Description(base_url_of(found.base_url, operation), header)


def _loaded(path: Path) -> dict[str, Any]:
    try:
        # Any JSON that these tools write is YAML too.
        data = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as problem:
        raise UsageError(
            str(path), problem.strerror or "cannot be read", "Name a file that can be read."
        ) from problem
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise UsageError(str(path), "is neither JSON nor YAML", "Correct the file.") from problem
    return data if isinstance(data, dict) else {}


def base_url_of(url: str, operation: Operation) -> str:
    """Return an http or https URL without query, credentials and the beginning of the operation's path; or ""."""
    if url and "://" not in url and re.match(r"[\w.-]+(:\d+)?(/|$)", url):
        scheme = "http" if is_loopback(re.split(r"[:/]", url)[0]) else "https"
        url = f"{scheme}://{url}"
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s{}<>]", host + parts.path):
        return ""
    path = parts.path.rstrip("/")
    steps = operation.path.split("/")
    for count in range(len(steps), 1, -1):
        pattern = "/".join("[^/]+" if "{" in step else re.escape(step) for step in steps[:count])
        shorter = re.sub(f"{pattern}$", "", path)
        if shorter != path:
            path = shorter
            break
    return f"{parts.scheme}://{host}{path}"


# -- OpenAPI


def _from_openapi(data: Mapping[str, Any], operation: Operation) -> Description:
    described, path = _operation_of(data, operation)
    servers = [*_list(described.get("servers")), *_list(_dict(_dict(data.get("paths")).get(path)).get("servers"))]
    url = next(filter(None, map(_server_url, [*servers, *_list(data.get("servers"))])), "")
    if not url and data.get("host"):
        schemes = _list(data.get("schemes")) or ["https"]
        scheme = "https" if "https" in schemes else schemes[0]
        url = f"{scheme}://{data['host']}{data.get('basePath') or ''}"
    prefix = _before_the_operation(path, operation)
    return Description(f"{url.rstrip('/')}{prefix}" if url else "", _openapi_header(data, described))


def _before_the_operation(path: str, operation: Operation) -> str:
    """Return what a document's path has before the path of the operation: "/api" in /api/v1/order/{id}/refund."""
    template = re.sub(r"\{[^}]*\}", "{}", path)
    ours = re.sub(r"\{[^}]*\}", "{}", operation.path)
    return path[: len(template) - len(ours)] if template.endswith(ours) else ""


def _operation_of(data: Mapping[str, Any], operation: Operation) -> tuple[Mapping[str, Any], str]:
    """Return our operation and its path; empty ones if the document has no path that ends likewise."""
    ending = [re.sub(r"\{[^}]*\}", "{}", step) for step in operation.path.split("/")[-3:]]
    for path, methods in _dict(data.get("paths")).items():
        steps = [re.sub(r"\{[^}]*\}", "{}", step) for step in str(path).split("/")]
        if steps[-3:] == ending:
            return _dict(_dict(methods).get(operation.method.lower())), str(path)
    return {}, ""


def _server_url(server: Any) -> str:
    url, variables = str(_dict(server).get("url") or ""), _dict(_dict(server).get("variables"))
    for name, variable in variables.items():
        url = url.replace(f"{{{name}}}", str(_dict(variable).get("default", "")))
    return url if re.match(r"https?://", url, re.IGNORECASE) else ""


def _openapi_header(data: Mapping[str, Any], described: Mapping[str, Any]) -> str:
    """Return the header that the operation's security needs, or else the document's, or else a parameter's."""
    schemes = _dict(_dict(data.get("components")).get("securitySchemes")) or _dict(data.get("securityDefinitions"))
    needed = [
        name for row in (*_list(described.get("security")), *_list(data.get("security"))) for name in _dict(row)
    ]
    for name in [*needed, *schemes]:
        scheme = _dict(schemes.get(name))
        if scheme.get("type") == "apiKey" and scheme.get("in") == "header":
            return str(scheme.get("name") or "")
        if scheme.get("type") in ("http", "oauth2", "openIdConnect", "basic"):
            return "Authorization"
    named = (_dict(row) for row in _list(described.get("parameters")))
    names = (str(row.get("name")) for row in named if row.get("in") == "header")
    return next((name for name in names if _AUTHORIZATION.search(name)), "")


# -- Postman


def _variables(rows: Any) -> dict[str, str]:
    """Return the variables that are switched on; none of them is a secret, as far as the file says so."""
    return {
        str(row["key"]): str(row.get("value") or "")
        for row in map(_dict, _list(rows))
        if row.get("key") and row.get("enabled", True) and not row.get("disabled") and row.get("type") != "secret"
    }


def _resolved(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with its {{variables}} replaced, which may hold others."""
    for _ in range(5):
        text = re.sub(r"\{\{\s*([^{}]+?)\s*\}\}", lambda found: variables.get(found[1], found[0]), text)
    return text


def _postman_url(variables: Mapping[str, str]) -> str:
    plain = {re.sub(r"[^a-z]", "", name.lower()): name for name in reversed(list(variables))}
    named = [plain[key] for key in _URL_KEYS if key in plain]
    values = [_resolved(variables[name], variables) for name in (*named, *variables)]
    urls = [value for value in values if re.match(r"https?://", value, re.IGNORECASE)]
    return urls[0] if urls else next(iter(values[: len(named)]), "")


def _postman_header(rows: Any) -> str:
    """Return the value of a variable that is called a header and holds the name of one."""
    for name, value in _variables(rows).items():
        if "header" in name.lower() and _HEADER_NAME.fullmatch(value):
            return value
    return ""


def _from_collection(data: Mapping[str, Any], operation: Operation) -> Description:
    variables = _variables(data.get("variable"))
    requests = list(_requests(data["item"]))
    for request in requests:
        url = request.get("url")
        raw = _resolved(str(_dict(url).get("raw") or url or ""), variables).partition("?")[0]
        if raw.rstrip("/").endswith(operation.path.rpartition("/")[2]):
            header = _request_header(request) or _auth_header(_dict(data.get("auth")))
            return Description(_without_ids(raw), header)
    return Description(_postman_url(variables), _auth_header(_dict(data.get("auth"))))


def _without_ids(url: str) -> str:
    """Return a URL with a plain id in place of what Postman fills in, :id or {{id}}, behind the host."""
    scheme, found, rest = url.partition("://")
    return f"{scheme}{found}{re.sub(r'/(:[A-Za-z_]+|{{[^}]*}})(?=/|$)', '/1', rest)}"


def _requests(items: Any) -> Iterator[Mapping[str, Any]]:
    for item in map(_dict, _list(items)):
        if isinstance(item.get("request"), dict):
            yield item["request"]
        yield from _requests(item.get("item"))


def _request_header(request: Mapping[str, Any]) -> str:
    names = [str(row.get("key")) for row in map(_dict, _list(request.get("header"))) if not row.get("disabled")]
    named = next((name for name in names if _AUTHORIZATION.search(name)), "")
    return named or _auth_header(_dict(request.get("auth")))


def _auth_header(auth: Mapping[str, Any]) -> str:
    if auth.get("type") in ("bearer", "jwt", "oauth2", "basic"):
        return "Authorization"
    rows = {str(row.get("key")): str(row.get("value")) for row in map(_dict, _list(auth.get("apikey")))}
    return rows.get("key", "") if auth.get("type") == "apikey" and rows.get("in", "header") == "header" else ""


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
