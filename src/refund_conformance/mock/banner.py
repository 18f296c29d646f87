"""What a running mock tells of itself: target settings to paste, and sample commands."""

from collections.abc import Mapping, Sequence

from refund_conformance.mock.factory import Mock
from refund_conformance.mock.samples import MERCHANT, OTHER_MERCHANT, UNCONFIGURED
from refund_conformance.mock.settings import MockSettings, is_loopback

_HOUR = 60 * 60
_IDS_IN_A_LINE = 10


def target_toml(mock: Mock, base_url: str) -> str:
    """Return complete target settings for the mock at that URL, with tokens that work."""
    issue = mock.tokens.issue
    lines = [
        "[target]",
        f'base_url = "{base_url}"',
        "",
        "[auth]",
        f'header = "{mock.contract.operation.authorization_header}"',
        f'token = "{issue(MERCHANT)}"',
        f'expired_token = "{issue(MERCHANT, -_HOUR)}"',
        f'unconfigured_token = "{issue(UNCONFIGURED)}"',
        f'other_merchant_token = "{issue(OTHER_MERCHANT)}"',
        f'refresh_token = "{mock.tokens.issue_refresh_token(MERCHANT)}"',
        "",
        "[orders]",
        *_groups(mock.samples.groups),
    ]
    return "\n".join(lines) + "\n"


def announcement(mock: Mock, base_url: str) -> str:
    """Return what the command prints when the mock has started."""
    operation = mock.contract.operation
    order = next(iter(mock.samples.groups["refundable"]), 0)
    token = mock.tokens.issue(MERCHANT)
    url = base_url + operation.path.format(order=order)
    return f"""\
# A mock of "{operation.name}" listens on {base_url}. Ctrl-C stops it.
#
# target.toml for it, from here to the next comment:

{target_toml(mock, base_url)}
# Ask for a refund; send it twice and the answer is 15050:
#
#   curl -i {url} \\
#     -H '{operation.authorization_header}: {operation.authorization_scheme} {token}' \\
#     -H 'Content-Type: {operation.media_type}' \\
#     -d '{{"description": "Wrong product", "email": "merchant@example.com"}}'
#
# Ask for a token of your own:
#
#   curl -i {base_url}{operation.login_path} \\
#     -H 'Content-Type: {operation.media_type}' \\
#     -d '{{"username": "{MERCHANT}", "password": "{mock.settings.password_of[MERCHANT]}"}}'
"""


def warning(settings: MockSettings) -> str:
    """Return what there is to warn of: what other machines reach, and with which rights; "" for nothing."""
    if is_loopback(settings.host):
        return ""
    lines = [f"warning: --host {settings.host} lets other machines in, over HTTP without TLS"]
    if settings.has_control:
        lines.append("warning: with --control they can change and read everything, without a password")
    if settings.well_known_passwords:
        lines.append("warning: with --well-known-passwords they can log in by what the documentation has")
    return "\n".join(lines)


def _groups(groups: Mapping[str, Sequence[int]]) -> list[str]:
    lines: list[str] = []
    for name, ids in groups.items():
        if len(ids) <= _IDS_IN_A_LINE:
            lines.append(f"{name} = [{_listed(ids)}]")
            continue
        rows = [ids[start : start + _IDS_IN_A_LINE] for start in range(0, len(ids), _IDS_IN_A_LINE)]
        lines += [f"{name} = [", *(f"  {_listed(row)}," for row in rows), "]"]
    return lines


def _listed(ids: Sequence[int]) -> str:
    return ", ".join(f'"{number}"' for number in ids)
