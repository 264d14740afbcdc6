"""What EWS's errors mean: for the whole mailbox, or for one mail.

Microsoft: "ResponseCode" (EWS reference), "EWS throttling in Exchange", "Set-OrganizationConfig".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes.base import FixNeeded, Gone, MailboxError, MailError, Refused, Wait
from placet.mailboxes.http import printable


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


class About(Enum):
    """What the request was about: a code that damns one mail must not stop the mailbox."""

    MAILBOX = "mailbox"  # or a folder of it
    MAIL = "mail"
    OUTGOING = "outgoing"  # one mail too, but rights are missing for all of them


@dataclass(frozen=True)
class Fix:
    """What somebody must change, in English: translated where it is told. `command` may name things in braces."""

    cause: str
    cure: str
    command: str = ""


WAIT_CURE = gettext_noop("Nothing needs to be done; Placet tries again by itself.")

#: The server wants patience.
WAITS: dict[str, str] = {
    "ErrorServerBusy": gettext_noop("Exchange is busy and slows this mailbox down."),
    "ErrorExceededConnectionCount": gettext_noop("Too many connections to this mailbox are open at once."),
    "ErrorInternalServerTransientError": gettext_noop("Exchange has a passing fault."),
    "ErrorMailboxStoreUnavailable": gettext_noop("The mailbox's database is not available at the moment."),
    "ErrorMailboxMoveInProgress": gettext_noop("The mailbox is being moved to another server."),
    "ErrorMailboxFailover": gettext_noop("The mailbox is being moved to another server."),
    "ErrorTimeoutExpired": gettext_noop("Exchange did not finish in time."),
    "ErrorConnectionFailed": gettext_noop("Exchange lost its connection to the mailbox."),
    "ErrorADUnavailable": gettext_noop("Exchange cannot reach its directory at the moment."),
    "ErrorADOperation": gettext_noop("Exchange cannot reach its directory at the moment."),
    "ErrorInsufficientResources": gettext_noop("Exchange is short of resources."),
    "ErrorNotEnoughMemory": gettext_noop("Exchange is short of memory."),
    "ErrorServiceUnavailable": gettext_noop("Exchange is not available at the moment."),
    "ErrorExceededMessageLimit": gettext_noop("The mailbox has sent as many mails as it may for now."),
    "ErrorSubmissionQuotaExceeded": gettext_noop("The mailbox has sent as many mails as it may for now."),
    "ErrorTooManyObjectsOpened": gettext_noop("Too many mails of this mailbox are open at once."),
    "ErrorProxyRequestProcessingFailed": gettext_noop("One Exchange server cannot reach another."),
    "ErrorRequestAborted": gettext_noop("Exchange gave up on the request."),
    "ErrorBatchProcessingStopped": gettext_noop("Exchange stopped in the middle of a request."),
}

_SCOPE_COMMANDS = """\
Connect-ExchangeOnline
Test-ServicePrincipalAuthorization -Identity {client_id} -Resource {mailbox} | Format-Table
# if InScope is not True:
New-ServicePrincipal -AppId {client_id} -ObjectId <object ID of the Enterprise application> -DisplayName Placet
New-ManagementScope -Name Placet -RecipientRestrictionFilter "PrimarySmtpAddress -eq '{mailbox}'"
New-ManagementRoleAssignment -App {client_id} -Role "Application EWS.AccessAsApp" -CustomResourceScope Placet
"""

_RETIREMENT_COMMANDS = """\
Connect-ExchangeOnline
Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy | Format-List Ews*
# the list is one string and is overwritten, so repeat the IDs that it holds already
Set-OrganizationConfig -EwsEnabled $true -EwsAllowedAppIDs "{client_id}"
Get-CASMailbox {mailbox} | Format-List EwsEnabled
Set-CASMailbox {mailbox} -EwsEnabled $true"""

PERMISSION_CURE = gettext_noop(
    "In the Entra admin center give the application the permission full_access_as_app (Office "
    "365 Exchange Online, application permission) with admin consent, or in Exchange the role "
    "Application EWS.AccessAsApp for this mailbox (RBAC for Applications). Changes act after "
    "up to two hours."
)
_REPORT_CURE = gettext_noop("Report this, with the ids below.")
_RELEASE_CURE = gettext_noop("Release it in the Microsoft 365 Defender portal under Restricted entities.")
_MAY_NOT_OPEN = gettext_noop("The application may not open this mailbox.")
_NOT_UNDERSTOOD = gettext_noop("The server does not understand Placet's request.")

#: Something must be changed by somebody.
FIXES: dict[str, Fix] = {
    "ErrorImpersonateUserDenied": Fix(_MAY_NOT_OPEN, PERMISSION_CURE, _SCOPE_COMMANDS),
    "ErrorImpersonationDenied": Fix(_MAY_NOT_OPEN, PERMISSION_CURE, _SCOPE_COMMANDS),
    "ErrorImpersonationFailed": Fix(_MAY_NOT_OPEN, PERMISSION_CURE, _SCOPE_COMMANDS),
    "ErrorNonExistentMailbox": Fix(
        gettext_noop("There is no Exchange Online mailbox with the address in Username."),
        gettext_noop(
            "Check its spelling, and that the mailbox has a licence (or is a shared mailbox) and is "
            "not on premises."
        ),
    ),
    "ErrorMissingEmailAddress": Fix(
        gettext_noop("The account in Username has no mailbox."),
        gettext_noop(
            "Enter the address of a mailbox, and check that it has a licence or is a shared mailbox."
        ),
    ),
    "ErrorNonPrimarySmtpAddress": Fix(
        gettext_noop("Username is an alias of the mailbox."),
        gettext_noop("Enter the mailbox's primary address."),
    ),
    "ErrorMailboxLogonFailed": Fix(
        gettext_noop("Exchange cannot open the mailbox."),
        gettext_noop("Check that the mailbox is active and has a licence."),
    ),
    "ErrorAccountDisabled": Fix(
        gettext_noop("The mailbox's account is disabled."), gettext_noop("Enable it, or use another mailbox.")
    ),
    "ErrorAccountSuspend": Fix(
        gettext_noop("Microsoft has suspended the mailbox from sending."), _RELEASE_CURE
    ),
    "ErrorInvalidLicense": Fix(
        gettext_noop("The mailbox has no licence that allows EWS."),
        gettext_noop("Assign one, or use another mailbox."),
    ),
    "ErrorOrganizationAccessBlocked": Fix(
        gettext_noop("Microsoft has blocked the organisation's access."),
        gettext_noop("Look at the Microsoft 365 admin center, Billing and Health."),
    ),
    "ErrorMessageSubmissionBlocked": Fix(
        gettext_noop("Exchange does not let this mailbox send."), _RELEASE_CURE
    ),
    "ErrorSendAsDenied": Fix(
        gettext_noop("Exchange does not let the mailbox send with this From address."),
        gettext_noop(
            "Use the mailbox's own address as Username, or allow the application to send as the other "
            "address."
        ),
        "Add-RecipientPermission -Identity {mailbox} -Trustee {client_id} -AccessRights SendAs",
    ),
    "ErrorQuotaExceeded": Fix(
        gettext_noop("The mailbox is full."),
        gettext_noop("Empty Deleted Items and the folder for handled mail, or raise the mailbox's quota."),
        "Get-MailboxStatistics {mailbox} | Format-List TotalItemSize,ItemCount,StorageLimitStatus",
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
_NO_FOLDER = Fix(
    gettext_noop("A folder that every mailbox has is missing."),
    gettext_noop("Open the mailbox once in Outlook; this makes its folders."),
)

#: The same, but only where no single mail was asked for: of a mail these codes say nothing about the others.
FOLDER_FIXES: dict[str, Fix] = {
    "ErrorAccessDenied": _NO_RIGHTS,
    "ErrorCreateSubfolderAccessDenied": _NO_RIGHTS,
    "ErrorCreateItemAccessDenied": _NO_RIGHTS,
    "ErrorFolderNotFound": _NO_FOLDER,
    "ErrorSyncFolderNotFound": _NO_FOLDER,
    "ErrorSavedItemFolderNotFound": _NO_FOLDER,
}

GONE = frozenset({"ErrorItemNotFound"})

#: The server will never take this mail as it is.
REFUSALS: dict[str, str] = {
    "ErrorMessageSizeExceeded": gettext_noop("The mail is larger than this mailbox may send."),
    "ErrorAttachmentSizeLimitExceeded": gettext_noop("An attachment is larger than this mailbox may send."),
    "ErrorRequestStreamTooBig": gettext_noop("The mail is larger than the server takes."),
    "ErrorDataSizeLimitExceeded": gettext_noop("The mail is larger than the server takes."),
    "ErrorMimeContentInvalid": gettext_noop("The server cannot read the mail."),
    "ErrorMimeContentInvalidBase64String": gettext_noop("The server cannot read the mail."),
    "ErrorMimeContentConversionFailed": gettext_noop("The server cannot read the mail."),
    "ErrorUnsupportedMimeConversion": gettext_noop("The server cannot read the mail."),
    "ErrorInvalidRecipients": gettext_noop("The server does not take the recipient's address."),
    "ErrorMissingRecipients": gettext_noop("The mail has no recipient that the server takes."),
    "ErrorInvalidSmtpAddress": gettext_noop("The server does not take an address in the mail."),
    "ErrorRecipientNotFound": gettext_noop("The server does not know the recipient."),
    "ErrorExceededMaxRecipientLimit": gettext_noop("The mail has too many recipients."),
    "ErrorVirusDetected": gettext_noop("The server found a virus in the mail."),
    "ErrorVirusMessageDeleted": gettext_noop("The server found a virus in the mail."),
    "ErrorMessageBlocked": gettext_noop("The server blocks the mail."),
}


def explain(
    error: ServerError, about: About, names: Mapping[str, str], details: Mapping[str, str] | None = None
) -> MailboxError | MailError:
    """`error` as an exception to raise. `names` (client_id, mailbox) fill the commands in."""
    told = {**(details or {}), "code": error.code}
    if error.inner_code:
        told["inner_code"] = error.inner_code
    for code in (error.code, error.inner_code):
        if code in WAITS:
            return Wait(_(WAITS[code]), _(WAIT_CURE), error.back_off, told)
        if code in FIXES:
            return fix(FIXES[code], names, told)
        if about is not About.MAIL and code in FOLDER_FIXES:
            return fix(FOLDER_FIXES[code], names, told)
    if about is not About.MAILBOX:
        return _mail_error(error)
    unknown = _("Exchange answered with an error that Placet does not know ({code}).").format(code=error.code)
    fault = error.code == "ErrorInternalServerError"
    return Wait(
        _("Exchange has a fault of its own.") if fault else unknown,
        _("Placet tries again by itself; if it stays, look the code up in Microsoft's EWS reference."),
        error.back_off,
        {**told, "text": error.text},
    )


def _mail_error(error: ServerError) -> MailError:
    if error.code in GONE:
        return Gone(_("The mail is no longer on the server."), error.code)
    if error.code in REFUSALS:
        return Refused(_(REFUSALS[error.code]), error.code)
    told = _("Exchange cannot do this with the mail: {reason}").format(reason=error.text or error.code)
    return MailError(told, error.code)


def fix(what: Fix, names: Mapping[str, str], details: Mapping[str, str]) -> FixNeeded:
    told = dict(details)
    if what.command:
        told["command"] = what.command.format_map(names).strip()
    return FixNeeded(_(what.cause), _(what.cure), told)


BLOCKED = Fix(
    gettext_noop(
        "Exchange Online refused EWS for this application. Since 1 October 2026 EWS only works if "
        "your Microsoft 365 administrator has allowed it (EwsEnabled = True and this application "
        "ID in EwsAllowedAppIDs), and it ends on 1 April 2027."
    ),
    gettext_noop(
        "Have your Microsoft 365 administrator run the commands below; they take up to 24 hours "
        "to act. EwsApplicationAccessPolicy, where it is set, must allow the user agent Placet "
        "too."
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
