"""A Kerberos ticket of an account, got with its password once in an hour and not for each connection.

It is asked for apart from the sign-in (`windows.py`), so that a password that the domain refuses is not offered to the
server by NTLM as well: that would count twice towards the account's lock. Needs the extra `kerberos`.
"""

import importlib.util
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from django.utils.translation import gettext as _
from pydantic import SecretStr

from placet.mailboxes.base import SignInRefused

if TYPE_CHECKING:
    from spnego import KerberosCCache

log = structlog.get_logger(__name__)

USED_FOR = 3600.0  # seconds; domains give them for ten hours
USER = re.compile(r"([^\\@]+)@([^\\@]+)")
#: Codes (RFC 4120 7.5.9, as MIT's library counts them) with which a domain refuses an account or its password.
REFUSED = {
    -1765328360: "KDC_ERR_PREAUTH_FAILED",
    -1765328366: "KDC_ERR_CLIENT_REVOKED",  # locked or disabled
    -1765328361: "KDC_ERR_KEY_EXPIRED",
    -1765328353: "KRB_AP_ERR_BAD_INTEGRITY",  # where the domain does not ask for proof first
}


def has_kerberos() -> bool:
    """Whether this installation has what Kerberos needs."""
    return all(importlib.util.find_spec(name) is not None for name in ("gssapi", "krb5"))


@dataclass(frozen=True)
class _Ticket:
    cache: Any  # frees the ticket when it goes
    name: str
    until: float  # of time.monotonic


class Tickets:
    """Of one account."""

    def __init__(self, user: str, password: SecretStr) -> None:
        self._user = user
        self._password = password
        self._ticket: _Ticket | None = None

    def credential(self) -> "KerberosCCache | None":
        """What a sign-in takes; None where there is no Kerberos for this account here. Raises SignInRefused."""
        if self._ticket is None or time.monotonic() > self._ticket.until:
            self._ticket = self._fetched()
        if self._ticket is None:
            return None
        from spnego import KerberosCCache

        return KerberosCCache(self._ticket.name)

    def forget(self) -> None:
        """The server did not take it."""
        self._ticket = None

    def _fetched(self) -> _Ticket | None:
        parts = USER.fullmatch(self._user)
        if parts is None or not has_kerberos():  # CONTOSO\\name does not say in which realm
            return None
        import krb5

        context = krb5.init_context()
        try:
            name = f"{parts[1]}@{parts[2].upper()}"
            principal = krb5.parse_name_flags(context, name.encode())
            options = krb5.get_init_creds_opt_alloc(context)
            password = self._password.get_secret_value().encode()
            credential = krb5.get_init_creds_password(context, principal, options, password=password)
            cache = krb5.cc_new_unique(context, b"MEMORY")
            krb5.cc_initialize(context, cache, principal)
            krb5.cc_store_cred(context, cache, credential)
        except krb5.Krb5Error as error:
            self._judge(error.err_code)
            return None
        return _Ticket(cache, f"MEMORY:{(cache.name or b'').decode()}", time.monotonic() + USED_FOR)

    def _judge(self, code: int) -> None:
        """SignInRefused where it was refused; where there is no Kerberos to be had, NTLM is tried."""
        log.info("no_kerberos_ticket", code=code)
        if code not in REFUSED:
            return
        error = SignInRefused(
            _("The domain refused user or password (Kerberos, {code}).").format(code=REFUSED[code]),
            _(
                "Check user and password, and see in Active Directory that the account is neither locked, disabled nor "
                "expired. Then enter the password again, or run the connection test: Placet does not try before, so as "
                "not to lock the account."
            ),
            {"code": REFUSED[code]},
        )
        error.not_done = True
        raise error
