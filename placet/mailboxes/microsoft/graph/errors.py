"""What Microsoft Graph's errors mean: for the whole mailbox, or for one mail. Exchange's own: `exchange_errors.py`.

Microsoft: "Microsoft Graph error responses and resource types", "Microsoft Graph throttling guidance".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.lib.powershell import quoted
from placet.mailboxes.base import FixNeeded, MailboxError, MailError, Refused, Wait
from placet.mailboxes.http import PROXY_CURE, WAIT_CURE
from placet.mailboxes.microsoft import app_access, exchange_errors
from placet.mailboxes.microsoft.exchange_errors import About, Fix, Meanings, fix, of_mail

#: HTTP: nothing was done of what was asked.
REFUSED_AT_THE_DOOR = frozenset({401, 403, 404, 407, 429})


@dataclass(frozen=True)
class ServerError:
    """One error as the server said it. `code` is "" where what answered was not Graph."""

    status: int
    code: str = ""
    text: str = ""
    seconds: float | None = None  # that it asks to wait
    details: Mapping[str, str] = field(default_factory=dict)


def names(client_id: str, mailbox: str) -> dict[str, str]:
    """What fills the commands in."""
    return {
        "client_id": quoted(client_id),
        "mailbox": quoted(mailbox),
        "give": app_access.give(app_access.GRAPH, client_id, app_access.OBJECT_ID, mailbox),
        "test": app_access.test(client_id, mailbox),
    }


_RIGHTS_COMMANDS = """\
Connect-ExchangeOnline
{test}
# if InScope is not True for Application Mail.ReadWrite and Application Mail.Send:
{give}"""

_POLICY_COMMANDS = """\
Connect-ExchangeOnline
Get-ApplicationAccessPolicy | Where-Object AppId -eq {client_id}
Test-ApplicationAccessPolicy -Identity {mailbox} -AppId {client_id}
Get-OrganizationConfig | Format-List Ews*
Get-CASMailbox {mailbox} | Format-List Ews*"""

_RECIPIENT_COMMANDS = """\
Connect-ExchangeOnline
Get-EXORecipient {mailbox} | Format-List RecipientTypeDetails, PrimarySmtpAddress, EmailAddresses"""

PERMISSION_CURE = gettext_noop(
    "In the Entra admin center give the application the permissions Mail.ReadWrite and Mail.Send (Microsoft Graph, "
    "application permissions) with admin consent, or in Exchange the roles Application Mail.ReadWrite and "
    "Application Mail.Send for this mailbox (RBAC for Applications). Changes act after up to two hours."
)
_TOKEN_CURE = gettext_noop(
    "Check Application (client) ID, access token URI and scope: they must belong to the cloud that is chosen, and "
    "Scope must name Microsoft Graph."
)
_NO_MAILBOX_CURE = gettext_noop(
    "Check the spelling of Username, and that the mailbox has a licence (or is a shared mailbox) and is not on "
    "premises. A new mailbox needs some minutes."
)
NO_USER = Fix(
    gettext_noop("There is nobody with the address in Username in this organisation."),
    _NO_MAILBOX_CURE,
    _RECIPIENT_COMMANDS,
)
NO_CONSENT = Fix(
    gettext_noop("The access token carries no permission for Microsoft Graph: nobody has consented to any."),
    PERMISSION_CURE,
    _RIGHTS_COMMANDS,
)
NO_RIGHTS = Fix(
    gettext_noop(
        "Microsoft Graph keeps the application out of this mailbox: a permission is missing, or the limits in "
        "Exchange (RBAC for Applications) leave this mailbox out."
    ),
    PERMISSION_CURE,
    _RIGHTS_COMMANDS,
)
POLICY = Fix(
    gettext_noop("A policy in Exchange keeps the application out of this mailbox."),
    gettext_noop(
        "Add the mailbox to the group of the application access policy, or remove the policy and limit the "
        "application by RBAC for Applications. Changes act after more than an hour."
    ),
    _POLICY_COMMANDS,
)

NOT_WITH_A_MAIL = gettext_noop(
    "Microsoft Graph does not let the application do this with the mail. The permission Mail.ReadWrite may be missing: "
    "test the connection."
)

#: Something must be changed by somebody.
FIXES: dict[str, Fix] = {
    **exchange_errors.FIXES,
    "NoPermissionsInAccessToken": NO_CONSENT,
    "Authorization_RequestDenied": NO_RIGHTS,
    "ErrorInvalidUser": NO_USER,
    "Request_ResourceNotFound": NO_USER,
    "MailboxNotEnabledForRESTAPI": Fix(
        gettext_noop(
            "Microsoft Graph does not reach this mailbox: it has no licence, is deleted, or is on premises."
        ),
        gettext_noop(
            "Give the mailbox a licence or make it a shared mailbox. A mailbox on an Exchange Server of your own is "
            "reached through Exchange Web Services only."
        ),
        _RECIPIENT_COMMANDS,
    ),
}

#: The same, but only where no single mail was asked for: of a mail these codes say nothing about the others.
FOLDER_FIXES: dict[str, Fix] = {
    **exchange_errors.FOLDER_FIXES,
    "ErrorItemNotFound": exchange_errors.FOLDER_FIXES["ErrorFolderNotFound"],
    "ResourceNotFound": NO_USER,
    "ErrorAccessDenied": NO_RIGHTS,
    "ErrorCreateSubfolderAccessDenied": NO_RIGHTS,
    "ErrorCreateItemAccessDenied": NO_RIGHTS,
}
MEANINGS = Meanings(FIXES, FOLDER_FIXES)

#: Known to be one mail's own, whatever the HTTP status.
OF_A_MAIL = frozenset({*exchange_errors.GONE, *exchange_errors.REFUSALS})

#: Graph's own words for patience.
WAITS: dict[str, str] = {
    "TooManyRequests": gettext_noop("Microsoft Graph slows this mailbox down."),
    "ApplicationThrottled": gettext_noop("Microsoft Graph slows this mailbox down."),
    "ServiceUnavailable": gettext_noop("Microsoft Graph is not available at the moment."),
}
#: Of one mail the id, of a list how far it was read: where neither was named, only Microsoft's own fault is left.
BEYOND_HELP: dict[str, str] = {
    "ErrorInvalidIdMalformed": gettext_noop("Microsoft Graph takes an id for malformed that it gave itself."),
    "SyncStateNotFound": gettext_noop(
        "Microsoft Graph lost its place in a list that it had only just begun."
    ),
    "resyncRequired": gettext_noop("Microsoft Graph lost its place in a list that it had only just begun."),
}
OUT_OF_ORDER = gettext_noop("{host} is out of order or busy (HTTP {status}).")

#: A 401 to a fresh token has one code for all; its words tell more. By what is in them, in lower case.
TOKENS: dict[str, Fix] = {
    "token is empty": Fix(
        gettext_noop("No access token reached Microsoft Graph."),
        gettext_noop(
            "A proxy takes the Authorization header out of requests: let this machine pass without it."
        ),
    ),
    "compacttoken parsing failed": Fix(
        gettext_noop("What reached Microsoft Graph as an access token is none."),
        gettext_noop("Check that the access token URI belongs to Microsoft and to the cloud that is chosen."),
    ),
    "expired": Fix(
        gettext_noop("Microsoft Graph says that a new access token has expired or is not valid yet."),
        gettext_noop("Set the clock of this machine by a time server (NTP)."),
    ),
    "audience": Fix(gettext_noop("The access token is for another service."), _TOKEN_CURE),
}
UNEXPLAINED_401 = Fix(
    gettext_noop("Microsoft Graph does not accept the access token, also not a new one."), _TOKEN_CURE
)


def may_be_of_one_mail(error: MailboxError) -> bool:
    """Whether the mail that was asked for may be why the server failed, and not the mailbox."""
    code = error.details.get("code", "")
    return error.details.get("status") == "500" and code not in exchange_errors.WAITS and code not in WAITS


def explain(
    error: ServerError, about: About, host: str, names: Mapping[str, str]
) -> MailboxError | MailError:
    """`error` as an exception to raise. `host` answered; `names` fill the commands in."""
    found = _explain(error, about, host, names)
    found.not_done = error.status in REFUSED_AT_THE_DOOR
    if not isinstance(found, Wait) and error.code:
        found.not_done = 400 <= error.status < 500 and error.status != 408  # a time-out tells nothing
    return found


def _explain(
    error: ServerError, about: About, host: str, names: Mapping[str, str]
) -> MailboxError | MailError:
    told = {"status": str(error.status), **error.details}
    if not error.code:
        return _not_graph(error, about, host, names, told)
    told["code"] = error.code
    if error.code in WAITS or error.status == 429:
        busy = WAITS.get(error.code, WAITS["TooManyRequests"])
        return Wait(_(busy), _(WAIT_CURE), error.seconds, told)
    if error.code == "ErrorAccessDenied" and error.text.startswith("Access to OData is disabled"):
        return fix(POLICY, names, told)
    known = MEANINGS.of_mailbox([error.code], about, names, told, error.seconds)
    if known is not None:
        return known
    if error.status == 401:
        words = error.text.lower()
        meant = (meaning for part, meaning in TOKENS.items() if part in words)
        return fix(next(meant, UNEXPLAINED_401), names, told)
    if about is About.OUTGOING and error.status == 413:
        return _too_large(error.code)
    if about is About.MAIL and error.code == "ErrorAccessDenied":
        return MailError(_(NOT_WITH_A_MAIL), error.code)
    if about is not About.MAILBOX and (error.status < 500 or error.code in OF_A_MAIL):
        return of_mail(error.code, error.text)
    return _unknown(error, host, told)


def _unknown(error: ServerError, host: str, told: Mapping[str, str]) -> Wait:
    if error.status >= 500:
        cause = _(OUT_OF_ORDER).format(host=host, status=error.status)
    elif error.code in BEYOND_HELP:
        cause = _(BEYOND_HELP[error.code])
    else:
        cause = _("Microsoft Graph answered with an error that Placet does not know ({code}).").format(
            code=error.code
        )
    return Wait(
        cause,
        _(
            "Placet tries again by itself; if it stays, look the code up in Microsoft's documentation of Graph."
        ),
        error.seconds,
        {**told, "text": error.text},
    )


def _too_large(code: str) -> Refused:
    return Refused(_("The mail is larger than Microsoft Graph takes in one request."), code)


def _not_graph(
    error: ServerError, about: About, host: str, names: Mapping[str, str], told: Mapping[str, str]
) -> MailboxError | MailError:
    """An answer without Graph's words: a proxy's, a firewall's, or another web server's."""
    status = error.status
    if about is About.OUTGOING and status == 413:
        return _too_large("HTTP 413")
    if status == 429 or status >= 500:
        return Wait(_(OUT_OF_ORDER).format(host=host, status=status), _(WAIT_CURE), error.seconds, told)
    if 300 <= status < 400:
        return FixNeeded(
            _("{host} sends requests elsewhere, which are not followed with an access token.").format(
                host=host
            ),
            _(
                "Choose the cloud that the organisation is in; a proxy must not redirect what is meant for it."
            ),
            told,
        )
    if status == 401:
        return fix(UNEXPLAINED_401, names, told)
    if status == 407:
        asks = _("The proxy on the way to {host} asks for a password.").format(host=host)
        return FixNeeded(asks, _(PROXY_CURE), told)
    return FixNeeded(
        _("Not Microsoft Graph but something else answered at {host} (HTTP {status}).").format(
            host=host, status=status
        ),
        _(
            "A proxy, firewall or sign-in page stands in the way, or the server address is wrong. Let this machine "
            "reach Microsoft Graph directly."
        ),
        told,
    )
