"""Commands and links of the Guide, with the names filled in. What is not known yet stands there as a placeholder.

docs/exchange-online.md holds the same commands, with the placeholders.
"""

from urllib.parse import quote, urlencode, urlsplit

from placet.mailboxes.settings import LOGIN_HOST
from placet.panel.guide_values import Values

APPLICATION = "Placet"  # the name that the application gets in Entra ID
SCOPE = "Placet mailbox"
CLIENT_ID = "APPLICATION-CLIENT-ID"
OBJECT_ID = "ENTERPRISE-APPLICATION-OBJECT-ID"
MAILBOX = "MAILBOX-ADDRESS"
OTHER_MAILBOX = "ANOTHER-MAILBOX-ADDRESS"
OTHER_IDS = "IDS-ON-THE-LIST"

LOOK = (
    "Connect-ExchangeOnline\n"
    "Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy | Format-List "
    "EwsEnabled,EwsAllowedAppIDs,EwsApplicationAccessPolicy,EwsAllowList,EwsBlockList"
)

# PowerShell takes these for quotes too.
_SINGLE = "'‘’‚‛"
_DOUBLE = '"“”„'


def quoted(text: str) -> str:
    """`text` as one PowerShell string, whatever it holds: nothing of it is carried out."""
    if any(quote in text for quote in _SINGLE) and not any(sign in text for sign in f"{_DOUBLE}$`"):
        return f'"{text}"'
    return "'" + "".join(sign * 2 if sign in _SINGLE else sign for sign in text) + "'"


def commands(values: Values) -> dict[str, str]:
    """Every command of the Guide, in its order."""
    return {
        "limit": limit(values),
        "inside": _test(values, _mailbox(values)),
        "outside": _test(values, OTHER_MAILBOX),
        "look": LOOK,
        "allow_first": allow_first(values),
        "allow_too": allow_too(values),
        "allow_mailbox": allow_mailbox(values),
    }


def allow_first(values: Values) -> str:
    """For a list that is empty."""
    return f"Set-OrganizationConfig -EwsEnabled $true -EwsAllowedAppIDs {quoted(_client_id(values))}"


def allow_too(values: Values) -> str:
    """For a list that holds IDs: it is one text and is overwritten, so they are repeated."""
    ids = f"{OTHER_IDS},{_client_id(values)}"
    return f"Set-OrganizationConfig -EwsEnabled $true -EwsAllowedAppIDs {quoted(ids)}"


def allow_mailbox(values: Values) -> str:
    address = quoted(_mailbox(values))
    return (
        f"Get-CASMailbox -Identity {address} | Format-List EwsEnabled\n"
        f"Set-CASMailbox -Identity {address} -EwsEnabled $true"
    )


def limit(values: Values) -> str:
    """The right to this one mailbox."""
    client_id = quoted(_client_id(values))
    of_filter = _mailbox(values).replace("'", "''")  # a quote inside the filter's own text
    recipients = f"PrimarySmtpAddress -eq '{of_filter}'"
    return (
        "Connect-ExchangeOnline\n"
        f"New-ServicePrincipal -AppId {client_id} -ObjectId {quoted(values.object_id or OBJECT_ID)} "
        f"-DisplayName {quoted(APPLICATION)}\n"
        f"New-ManagementScope -Name {quoted(SCOPE)} -RecipientRestrictionFilter {quoted(recipients)}\n"
        f"New-ManagementRoleAssignment -App {client_id} -Role 'Application EWS.AccessAsApp' "
        f"-CustomResourceScope {quoted(SCOPE)}"
    )


def _test(values: Values, address: str) -> str:
    return (
        f"Test-ServicePrincipalAuthorization -Identity {quoted(_client_id(values))} "
        f"-Resource {quoted(address)} | Format-Table"
    )


def consent_link(values: Values) -> str:
    """Where somebody with the right consents for the organisation. Empty: tenant or application is not known."""
    address = urlsplit(values.token_uri)
    tenant = address.path.strip("/").partition("/")[0]
    if not (tenant and values.client_id):
        return ""
    return _consent(f"{address.scheme}://{address.netloc}", tenant, values.client_id)


def consent_elsewhere(values: Values) -> str:
    """The same link for the tenant of another organisation."""
    return _consent(f"https://{LOGIN_HOST}", "TENANT-ID-OF-THE-OTHER-ORGANISATION", _client_id(values))


def _consent(host: str, tenant: str, client_id: str) -> str:
    return f"{host}/{quote(tenant, safe='')}/adminconsent?{urlencode({'client_id': client_id})}"


def _client_id(values: Values) -> str:
    return values.client_id or CLIENT_ID


def _mailbox(values: Values) -> str:
    return values.username or MAILBOX
