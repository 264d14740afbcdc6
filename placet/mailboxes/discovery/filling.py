"""A proposal as values of the Remote Approval tab's fields."""

from collections.abc import Mapping

from placet.mailboxes.fields import Field
from placet.mailboxes.kinds import kind_of

from .proposals import Proposal, Server, SignIn

#: How the fields of a kind begin. Those of Exchange Online have no prefix, and its servers are known.
PREFIXES = {
    "gmail": "gmail",
    "imap": "imap",
    "pop3": "pop3",
    "jmap": "jmap",
    "smtp": "smtp",
}
_SIGN_INS = {SignIn.CONSENT: "oauth-refresh", SignIn.API_TOKEN: "token"}


def values_of(address: str, proposal: Proposal) -> dict[str, str]:
    """By field, with the kinds themselves; only what the kinds have fields for."""
    values = {"kind": proposal.kind, "sending_kind": proposal.sending_kind, "username": address}
    values |= {name: str(value) for name, value in proposal.settings.items()}
    for kind, server in ((proposal.kind, proposal.receiving), (proposal.sending_kind, proposal.sending)):
        if server is not None and kind == "exchange-server":
            values["exchange_server"] = server.host
        elif server is not None:
            values |= _of_server(PREFIXES[kind], server, proposal.sign_in)
    kinds = [kind_of(kind) for kind in (proposal.kind, proposal.sending_kind) if kind]
    rows = {row.name: row for kind in kinds for row in kind.settings_class.rows}
    return {name: value for name, value in values.items() if value and _goes_into(name, value, rows)}


def _goes_into(name: str, value: str, rows: Mapping[str, Field]) -> bool:
    """Whether there is a field for it, which takes this value: not every kind signs in by every way."""
    if name in ("kind", "sending_kind"):
        return True
    row = rows.get(name)
    return row is not None and (row.kind != "choice" or value in dict(row.choices))


def _of_server(prefix: str, server: Server, sign_in: SignIn) -> dict[str, str]:
    return {
        f"{prefix}_host": server.host,
        f"{prefix}_port": str(server.port),
        f"{prefix}_security": server.security,
        f"{prefix}_user": server.username,
        f"{prefix}_sign_in": _SIGN_INS.get(sign_in, "password"),
    }
