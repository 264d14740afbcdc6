"""The rows of a mailbox on an Exchange server of the organisation's own."""

from django.utils.translation import gettext_noop

from placet.mailboxes.fields import PROOF, REPLY_TO, TAKING_IN, USERNAME, Field
from placet.mailboxes.microsoft.ews.dialect import Opening
from placet.mailboxes.microsoft.fields import BY_NAME as ONLINE

WINDOWS = "windows"
NTLM = "ntlm"
BASIC = "basic"
OAUTH = "oauth"

PASSWORD = "exchange_password"  # noqa: S105 - a field's name
CLIENT_SECRET = "exchange_client_secret"  # noqa: S105 - a field's name

FIELDS: tuple[Field, ...] = (
    USERNAME,
    Field(
        "exchange_server",
        gettext_noop("Exchange server"),
        gettext_noop(
            "Host that answers at /EWS/Exchange.asmx, such as mail.contoso.com. Autodiscover can tell it."
        ),
        required=True,
        below="microsoft/autodiscover.html",
    ),
    Field(
        "exchange_security",
        gettext_noop("Security"),
        gettext_noop("SSL always, except for the sandbox on this machine."),
        "choice",
        choices=(
            ("ssl", gettext_noop("SSL")),
            ("none", gettext_noop("None (sandbox on this machine only)")),
        ),
    ),
    Field(
        "exchange_authorities",
        gettext_noop("Certificate authority"),
        gettext_noop(
            "Where the server's certificate comes from an authority of your own: its certificate, PEM or DER. It is "
            "believed for this mailbox alone, and no other is. Empty: those that this machine trusts."
        ),
        "certificates",
    ),
    Field(
        "exchange_sign_in",
        gettext_noop("Way of signing in"),
        gettext_noop(
            "Windows takes Kerberos where this machine has it, else NTLM. Basic sends the password with every request, "
            "over SSL alone. OAuth needs hybrid modern authentication or AD FS."
        ),
        "choice",
        choices=(
            (WINDOWS, gettext_noop("Windows (Negotiate)")),
            (NTLM, gettext_noop("Windows (NTLM)")),
            (BASIC, gettext_noop("Basic")),
            (OAUTH, gettext_noop("OAuth")),
        ),
    ),
    Field(
        "exchange_user",
        gettext_noop("Account"),
        gettext_noop("CONTOSO\\name or name@contoso.com. Empty: the address in Username."),
        sign_ins=(WINDOWS, NTLM, BASIC),
    ),
    Field(
        PASSWORD,
        gettext_noop("Password"),
        gettext_noop(
            "Of the account. Stored encrypted, never shown again. If the server refuses it, Placet does not try it "
            "again before a day is over or somebody saves, so as not to lock the account."
        ),
        "secret",
        sign_ins=(WINDOWS, NTLM, BASIC),
    ),
    Field(
        "exchange_opening",
        gettext_noop("How the account opens the mailbox"),
        gettext_noop(
            "Its own mailbox; another one that it has full access to and may send as; or any one that the role "
            "ApplicationImpersonation reaches."
        ),
        "choice",
        choices=(
            (Opening.OWN.value, gettext_noop("It is its own")),
            (Opening.SHARED.value, gettext_noop("With full access")),
            (Opening.IMPERSONATED.value, gettext_noop("By impersonation")),
        ),
    ),
    Field(
        "exchange_token_uri",
        gettext_noop("Access token URI"),
        gettext_noop(
            "For OAuth: where Entra ID or AD FS issues tokens, such as https://…/oauth2/v2.0/token."
        ),
        sign_ins=(OAUTH,),
    ),
    Field(
        "exchange_client_id",
        gettext_noop("Application (client) ID"),
        gettext_noop("For OAuth: of the application that is registered there."),
        sign_ins=(OAUTH,),
    ),
    Field(
        CLIENT_SECRET,
        gettext_noop("Client secret"),
        gettext_noop("For OAuth: of that application. Stored encrypted, never shown again."),
        "secret",
        sign_ins=(OAUTH,),
    ),
    Field(
        "exchange_scope",
        gettext_noop("Scope"),
        gettext_noop("For OAuth. Empty: the server's own, such as https://mail.contoso.com/.default."),
        sign_ins=(OAUTH,),
    ),
    REPLY_TO,
    *TAKING_IN,
    ONLINE["confirmed_mechanisms"],
    *PROOF,
)
BY_NAME = {row.name: row for row in FIELDS}
