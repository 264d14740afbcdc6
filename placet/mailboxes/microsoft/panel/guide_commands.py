"""Commands and links of the Guide, with the names filled in. What is not known yet stands there as a placeholder.

docs/exchange-online.md holds the same commands, with the placeholders.
"""

from urllib.parse import quote, urlencode, urlsplit

from placet.lib.powershell import quoted
from placet.mailboxes.microsoft import app_access
from placet.mailboxes.microsoft.panel.guide_values import Values

APPLICATION = app_access.NAME  # that the application gets in Entra ID
CLIENT_ID = "APPLICATION-CLIENT-ID"
OBJECT_ID = "ENTERPRISE-APPLICATION-OBJECT-ID"
MAILBOX = "MAILBOX-ADDRESS"
OTHER_IDS = "IDS-ON-THE-LIST"


def commands(values: Values) -> dict[str, str]:
    """Every command of the Guide, in its order, for the way that was chosen."""
    return {
        "limit": limit(values),
        "inside": app_access.test(_client_id(values), _mailbox(values)),
        "outside": app_access.test(_client_id(values), app_access.OTHER_MAILBOX),
        "look": look(values),
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
    given = app_access.give(
        values.service, _client_id(values), values.object_id or OBJECT_ID, _mailbox(values)
    )
    return f"{_connect(values)}\n{given}"


def look(values: Values) -> str:
    """Who may use EWS now."""
    return (
        f"{_connect(values)}\n"
        "Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy | Format-List "
        "EwsEnabled,EwsAllowedAppIDs,EwsApplicationAccessPolicy,EwsAllowList,EwsBlockList"
    )


def _connect(values: Values) -> str:
    return app_access.in_cloud(app_access.CONNECT, values.at.key)


def consent_link(values: Values) -> str:
    """Where somebody with the right consents for the organisation. Empty: tenant or application is not known."""
    address = urlsplit(values.token_uri)
    tenant = address.path.strip("/").partition("/")[0]
    if not (tenant and values.client_id):
        return ""
    return _consent(f"{address.scheme}://{address.netloc}", tenant, values.client_id)


def consent_elsewhere(values: Values) -> str:
    """The same link for the tenant of another organisation."""
    return _consent(
        f"https://{values.at.login[0]}", "TENANT-ID-OF-THE-OTHER-ORGANISATION", _client_id(values)
    )


def _consent(host: str, tenant: str, client_id: str) -> str:
    return f"{host}/{quote(tenant, safe='')}/adminconsent?{urlencode({'client_id': client_id})}"


def _client_id(values: Values) -> str:
    return values.client_id or CLIENT_ID


def _mailbox(values: Values) -> str:
    return values.username or MAILBOX
