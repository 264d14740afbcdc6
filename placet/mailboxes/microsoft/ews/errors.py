"""What EWS's errors mean: for the whole mailbox, or for one mail. Those of Exchange itself: `exchange_errors.py`.

Microsoft: "ResponseCode" (EWS reference), "EWS throttling in Exchange", "Set-OrganizationConfig".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.lib.powershell import quoted
from placet.mailboxes.base import MailboxError, MailError, Wait
from placet.mailboxes.http import WAIT_CURE, printable
from placet.mailboxes.microsoft import app_access, exchange_errors
from placet.mailboxes.microsoft.exchange_errors import About, Fix, Meanings, fix, of_mail


@dataclass(frozen=True)
class ServerError:
    """One error as the server said it: of the whole request, or of one item in it."""

    code: str
    text: str = ""
    values: Mapping[str, str] = field(default_factory=dict)  # MessageXml

    @property
    def inner_code(self) -> str:
        return self.values.get("InnerErrorResponseCode", "")

    @property
    def back_off(self) -> float | None:
        """Seconds of BackOffMilliseconds."""
        value = self.values.get("BackOffMilliseconds", "")
        return min(int(value), 86_400_000) / 1000 if re.fullmatch(r"\d{1,12}", value) else None


def names(client_id: str, mailbox: str) -> dict[str, str]:
    """What fills the commands in."""
    return {
        "client_id": quoted(client_id),
        "mailbox": quoted(mailbox),
        "give": app_access.give(app_access.EWS, client_id, app_access.OBJECT_ID, mailbox),
        "test": app_access.test(client_id, mailbox),
        "allow": app_access.allow_ews(client_id, mailbox),
    }


_SCOPE_COMMANDS = """\
Connect-ExchangeOnline
{test}
# if InScope is not True for Application EWS.AccessAsApp:
{give}"""

_RETIREMENT_COMMANDS = """\
Connect-ExchangeOnline
Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy | Format-List Ews*
{allow}"""

PERMISSION_CURE = gettext_noop(
    "In the Entra admin center give the application the permission full_access_as_app (Office "
    "365 Exchange Online, application permission) with admin consent, or in Exchange the role "
    "Application EWS.AccessAsApp for this mailbox (RBAC for Applications). Changes act after "
    "up to two hours."
)
_REPORT_CURE = gettext_noop("Report this, with the ids below.")
_MAY_NOT_OPEN = gettext_noop("The application may not open this mailbox.")
_NOT_UNDERSTOOD = gettext_noop("The server does not understand Placet's request.")

#: Something must be changed by somebody.
FIXES: dict[str, Fix] = {
    **exchange_errors.FIXES,
    "ErrorImpersonateUserDenied": Fix(_MAY_NOT_OPEN, PERMISSION_CURE, _SCOPE_COMMANDS),
    "ErrorImpersonationDenied": Fix(_MAY_NOT_OPEN, PERMISSION_CURE, _SCOPE_COMMANDS),
    "ErrorImpersonationFailed": Fix(_MAY_NOT_OPEN, PERMISSION_CURE, _SCOPE_COMMANDS),
    "ErrorInvalidLicense": Fix(
        gettext_noop("The mailbox has no licence that allows EWS."),
        gettext_noop("Assign one, or use another mailbox."),
    ),
    "ErrorInvalidServerVersion": Fix(
        gettext_noop("The server does not know the version of Exchange that Placet speaks (2016)."),
        gettext_noop("Use Exchange 2016 or newer, or Exchange Online."),
    ),
    "ErrorSchemaValidation": Fix(_NOT_UNDERSTOOD, _REPORT_CURE),
    "ErrorInvalidRequest": Fix(_NOT_UNDERSTOOD, _REPORT_CURE),
}

_NO_RIGHTS = Fix(
    gettext_noop("The application may not read or write in this mailbox."), PERMISSION_CURE, _SCOPE_COMMANDS
)
#: The same, but only where no single mail was asked for: of a mail these codes say nothing about the others.
FOLDER_FIXES: dict[str, Fix] = {
    **exchange_errors.FOLDER_FIXES,
    "ErrorAccessDenied": _NO_RIGHTS,
    "ErrorCreateSubfolderAccessDenied": _NO_RIGHTS,
    "ErrorCreateItemAccessDenied": _NO_RIGHTS,
}

MEANINGS = Meanings(FIXES, FOLDER_FIXES)


#: A request that names mails may fail with these because of one of them.
OF_ONE_MAIL = frozenset({"ErrorInternalServerError", "ErrorInvalidRequest", "ErrorSchemaValidation"})


def may_be_of_one_mail(error: MailboxError) -> bool:
    """Whether one of the mails that a request named may be why all of it failed. By HTTP 400 the front door refuses
    what it cannot read."""
    code = error.details.get("code")
    if code is None:
        return error.details.get("status") == "400"
    return code in OF_ONE_MAIL and "inner_code" not in error.details


def explain(
    error: ServerError,
    about: About,
    names: Mapping[str, str],
    details: Mapping[str, str] | None = None,
    meanings: Meanings = MEANINGS,
) -> MailboxError | MailError:
    """`error` as an exception to raise. `names` fill the commands in."""
    told = {**(details or {}), "code": error.code}
    if error.inner_code:
        told["inner_code"] = error.inner_code
    codes = (error.code, error.inner_code)
    known = meanings.of_mailbox(codes, about, names, told, error.back_off)
    if known is not None:
        return known
    if about is not About.MAILBOX:
        return of_mail(error.code, error.text)
    unknown = _("Exchange answered with an error that Placet does not know ({code}).").format(code=error.code)
    fault = error.code == "ErrorInternalServerError"
    return Wait(
        _("Exchange has a fault of its own.") if fault else unknown,
        _("Placet tries again by itself; if it stays, look the code up in Microsoft's EWS reference."),
        error.back_off,
        {**told, "text": error.text},
    )


BLOCKED = Fix(
    gettext_noop(
        "Exchange Online refused EWS for this application. Since 1 October 2026 EWS only works if "
        "your Microsoft 365 administrator has allowed it (EwsEnabled = True and this application "
        "ID in EwsAllowedAppIDs), and it ends on 1 April 2027."
    ),
    gettext_noop(
        "Have your Microsoft 365 administrator run the commands below; they take up to 24 hours "
        "to act. EwsApplicationAccessPolicy, where it is set, must allow the user agent Placet "
        "too. Or move the mailbox to Microsoft Graph, which does not end."
    ),
    _RETIREMENT_COMMANDS,
)

#: By the number at the start of `x-ms-diagnostics` on a 401 (Microsoft, "Instrumenting client requests").
DIAGNOSTICS: dict[str, Fix] = {
    "2000000": Fix(
        gettext_noop("Exchange does not accept the access token: its signature is wrong."),
        gettext_noop("Check that the access token URI belongs to Microsoft."),
    ),
    "2000001": Fix(
        gettext_noop("Exchange does not accept the access token."),
        gettext_noop("Check access token URI and scope."),
    ),
    "2000002": Fix(
        gettext_noop("Exchange does not accept the access token: it says that a new token has expired."),
        gettext_noop("Set the clock of this machine by a time server (NTP)."),
    ),
    "2000003": Fix(
        gettext_noop("Exchange does not accept the access token: it is for another service."),
        gettext_noop("Set Scope to https://outlook.office365.com/.default."),
    ),
    "2000004": Fix(
        gettext_noop("Exchange does not accept the access token: it is from another directory (tenant)."),
        gettext_noop("Compare the tenant in the access token URI with the organisation of the mailbox."),
    ),
    "2000005": Fix(
        gettext_noop("Exchange does not accept the access token for this mailbox."),
        gettext_noop("Check Username, and that the mailbox is in the same organisation."),
    ),
    "2000006": Fix(
        gettext_noop("Exchange does not accept the access token of this application."),
        gettext_noop("Check Application (client) ID, and that the application is not disabled."),
    ),
    "2000008": Fix(
        gettext_noop("The access token carries no permission for Exchange."), PERMISSION_CURE, _SCOPE_COMMANDS
    ),
}
INTERNAL_DIAGNOSTIC = "2000007"
UNEXPLAINED_401 = Fix(
    gettext_noop("Exchange does not accept the access token, also not a new one."),
    gettext_noop("Check Application (client) ID, access token URI, scope and the application's permissions."),
    _SCOPE_COMMANDS,
)


def unauthorized(diagnostics: str, names: Mapping[str, str], details: Mapping[str, str]) -> MailboxError:
    """A 401 to a fresh token, by its `x-ms-diagnostics` header ('2000008;reason="..."')."""
    number = diagnostics.strip().partition(";")[0].strip()
    told = {**details, "x-ms-diagnostics": printable(number, 20)} if number else dict(details)
    if number == INTERNAL_DIAGNOSTIC:
        checked = _("Exchange could not check the access token (a fault on its side).")
        return Wait(checked, _(WAIT_CURE), None, told)
    return fix(DIAGNOSTICS.get(number, UNEXPLAINED_401), names, told)
