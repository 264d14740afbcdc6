"""What Exchange's error codes mean, whichever way they come: for the whole mailbox, or for one mail.

Exchange Web Services and Microsoft Graph hand the same codes on; what only one of them says is in its `errors.py`.
Microsoft: "ResponseCode" (EWS reference), "EWS throttling in Exchange".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes.base import FixNeeded, Gone, MailboxError, MailError, Refused, Wait
from placet.mailboxes.http import WAIT_CURE


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

_RELEASE_CURE = gettext_noop("Release it in the Microsoft 365 Defender portal under Restricted entities.")

#: Something must be changed by somebody.
FIXES: dict[str, Fix] = {
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
}

_NO_FOLDER = Fix(
    gettext_noop("A folder that every mailbox has is missing."),
    gettext_noop("Open the mailbox once in Outlook; this makes its folders."),
)

#: The same, but only where no single mail was asked for: of a mail these codes say nothing about the others.
FOLDER_FIXES: dict[str, Fix] = {
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


@dataclass(frozen=True)
class Meanings:
    """The tables of one way: those above, and its own."""

    fixes: Mapping[str, Fix]
    folder_fixes: Mapping[str, Fix]

    def of_mailbox(
        self,
        codes: Sequence[str],
        about: About,
        names: Mapping[str, str],
        details: Mapping[str, str],
        seconds: float | None = None,
    ) -> MailboxError | None:
        """What the first known one of `codes` says of the whole mailbox; None if none is known. `names` fill the
        commands in, `seconds` is how long the server asks to wait."""
        for code in codes:
            if code in WAITS:
                return Wait(_(WAITS[code]), _(WAIT_CURE), seconds, details)
            if code in self.fixes:
                return fix(self.fixes[code], names, details)
            if about is not About.MAIL and code in self.folder_fixes:
                return fix(self.folder_fixes[code], names, details)
        return None


def of_mail(code: str, text: str) -> MailError:
    """What a code says of the one mail that was asked for."""
    if code in GONE:
        return Gone(_("The mail is no longer on the server."), code)
    if code in REFUSALS:
        return Refused(_(REFUSALS[code]), code)
    told = _("Exchange cannot do this with the mail: {reason}").format(reason=text or code)
    return MailError(told, code)


def fix(what: Fix, names: Mapping[str, str], details: Mapping[str, str]) -> FixNeeded:
    told = dict(details)
    if what.command:
        told["command"] = what.command.format_map(names).strip()
    return FixNeeded(_(what.cause), _(what.cure), told)
