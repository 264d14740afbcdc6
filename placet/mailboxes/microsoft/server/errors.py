"""What the errors of an Exchange server of the organisation's own mean, where it is not what they mean online.

The commands are for the Exchange Management Shell. Microsoft: "Configure impersonation", "Manage permissions for
recipients", "Set-CASMailbox".
"""

from collections.abc import Mapping

from django.utils.translation import gettext_noop

from placet.lib.powershell import quoted
from placet.mailboxes.base import MailboxError
from placet.mailboxes.http import printable
from placet.mailboxes.microsoft.app_access import scope_name
from placet.mailboxes.microsoft.ews import errors as online
from placet.mailboxes.microsoft.ews.dialect import Dialect, Opening
from placet.mailboxes.microsoft.exchange_errors import Fix, Meanings, fix

#: The newest schema that Exchange 2016, 2019 and SE know, and what came before it.
VERSIONS = ("Exchange2016", "Exchange2013_SP1")


def names(user: str, mailbox: str) -> dict[str, str]:
    """What fills the commands in."""
    recipients = "PrimarySmtpAddress -eq '{}'".format(mailbox.replace("'", "''"))
    return {
        "user": quoted(user),
        "mailbox": quoted(mailbox),
        "scope": quoted(scope_name(mailbox)),
        "filter": quoted(recipients),
    }


_IMPERSONATE = """\
New-ManagementScope -Name {scope} -RecipientRestrictionFilter {filter}
New-ManagementRoleAssignment -Name {scope} -Role ApplicationImpersonation -User {user} \
-CustomRecipientWriteScope {scope}"""

_GIVE_ACCESS = """\
Add-MailboxPermission -Identity {mailbox} -User {user} -AccessRights FullAccess -AutoMapping $false
Get-Mailbox {mailbox} | Add-ADPermission -User {user} -ExtendedRights 'Send As'"""

_ALLOW_EWS = """\
Get-OrganizationConfig | Format-List Ews*
Get-CASMailbox -Identity {mailbox} | Format-List Ews*
Set-CASMailbox -Identity {mailbox} -EwsEnabled $true"""

_MAY_NOT_IMPERSONATE = Fix(
    gettext_noop("The account may not open this mailbox in its owner's name."),
    gettext_noop(
        "Give it the role ApplicationImpersonation for this mailbox alone, with the commands below in the Exchange "
        "Management Shell; or give it full access to the mailbox, and choose that in the settings."
    ),
    _IMPERSONATE,
)
_NO_RIGHTS = Fix(
    gettext_noop("The account may not read or write in this mailbox."),
    gettext_noop(
        "Give it full access to the mailbox and the right to send as it, with the commands below in the Exchange "
        "Management Shell. Exchange may take an hour to know of it."
    ),
    _GIVE_ACCESS,
)
_MAY_NOT_SEND = Fix(
    gettext_noop("Exchange does not let this mailbox send."),
    gettext_noop("See its quota, its restrictions, and the mail flow rules of the organisation."),
    "Get-Mailbox {mailbox} | Format-List ProhibitSendQuota,UseDatabaseQuotaDefaults,MessageCopy*",
)

FIXES: dict[str, Fix] = {
    **online.FIXES,
    "ErrorImpersonateUserDenied": _MAY_NOT_IMPERSONATE,
    "ErrorImpersonationDenied": _MAY_NOT_IMPERSONATE,
    "ErrorImpersonationFailed": _MAY_NOT_IMPERSONATE,
    "ErrorNonExistentMailbox": Fix(
        gettext_noop("This server knows no mailbox with the address in Username."),
        gettext_noop(
            "Check its spelling. In a hybrid organisation the mailbox may be in Exchange Online: then choose that kind."
        ),
        "Get-Recipient {mailbox} | Format-List RecipientType,RecipientTypeDetails,ExternalEmailAddress",
    ),
    "ErrorMissingEmailAddress": Fix(
        gettext_noop("The account that signs in has no mailbox of its own."),
        gettext_noop(
            "Choose how it opens the mailbox in Username: with full access to it, or by impersonation."
        ),
    ),
    "ErrorMailboxLogonFailed": Fix(
        gettext_noop("Exchange cannot open the mailbox."),
        gettext_noop("Check that it is enabled and that its database is mounted."),
        "Get-Mailbox {mailbox} | Get-MailboxStatistics | Format-List DisplayName,Database,DisconnectReason",
    ),
    "ErrorAccountSuspend": _MAY_NOT_SEND,
    "ErrorMessageSubmissionBlocked": _MAY_NOT_SEND,
    "ErrorSendAsDenied": Fix(
        gettext_noop("Exchange does not let the account send with this From address."),
        gettext_noop(
            "Give it the right to send as the mailbox, with the command below in the Exchange Management Shell. "
            "Exchange may take an hour to know of it."
        ),
        "Get-Mailbox {mailbox} | Add-ADPermission -User {user} -ExtendedRights 'Send As'",
    ),
    "ErrorInvalidServerVersion": Fix(
        gettext_noop("The server is older than Exchange 2016."),
        gettext_noop("Use Exchange 2016, 2019 or Subscription Edition."),
    ),
}
FOLDER_FIXES: dict[str, Fix] = {
    **online.FOLDER_FIXES,
    "ErrorAccessDenied": _NO_RIGHTS,
    "ErrorCreateSubfolderAccessDenied": _NO_RIGHTS,
    "ErrorCreateItemAccessDenied": _NO_RIGHTS,
}
MEANINGS = Meanings(FIXES, FOLDER_FIXES)

FORBIDDEN = Fix(
    gettext_noop("The server refuses Exchange Web Services to this account (HTTP 403)."),
    gettext_noop(
        "Switch them on for the mailbox, with the commands below in the Exchange Management Shell; "
        "EwsApplicationAccessPolicy, where it is set, must allow the user agent Placet. A proxy in front, and IIS's "
        "own restrictions by address, can refuse as well."
    ),
    _ALLOW_EWS,
)
TOKEN_REFUSED = Fix(
    gettext_noop("The server does not accept the access token."),
    gettext_noop(
        "Check that it issues tokens for this server (Scope), that the server trusts the issuer (Get-AuthServer), and "
        "that OAuth is on for its EWS virtual directory."
    ),
    "Get-AuthServer | Format-List Name,IssuerIdentifier,TokenIssuingEndpoint,Enabled,IsDefaultAuthorizationEndpoint\n"
    "Get-WebServicesVirtualDirectory | Format-List Server,OAuthAuthentication",
)


def unauthorized(diagnostics: str, names: Mapping[str, str], details: Mapping[str, str]) -> MailboxError:
    """A 401 to a fresh token."""
    number = printable(diagnostics.strip().partition(";")[0], 20)
    told = {**details, "x-ms-diagnostics": number} if number else dict(details)
    return fix(TOKEN_REFUSED, names, told)


def on_premises(opening: Opening, user: str, mailbox: str) -> Dialect:
    """As whom `user` opens `mailbox` is `opening`."""
    return Dialect(
        opening,
        VERSIONS,
        names(user, mailbox),
        MEANINGS,
        unauthorized,
        FORBIDDEN,
        gettext_noop(
            "Enter the server that answers itself at /EWS/Exchange.asmx: "
            "Get-WebServicesVirtualDirectory shows its InternalUrl and ExternalUrl."
        ),
    )
