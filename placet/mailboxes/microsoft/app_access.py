"""The commands that limit an application to one mailbox (RBAC for Applications), as PowerShell to copy and run.

Microsoft: "Role Based Access Control for Applications in Exchange Online", "Test-ServicePrincipalAuthorization",
"Remove-MgServicePrincipalAppRoleAssignment".
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from placet.lib.powershell import quoted
from placet.mailboxes.microsoft.cloud_names import NAMES
from placet.mailboxes.microsoft.clouds import WORLDWIDE

CONNECT = "Connect-ExchangeOnline"
CONNECT_GRAPH = "Connect-MgGraph"
NAME = "Placet"
#: Letters of a management scope's name; with a role's name and the beginning of an ID after it, it fits into the 64
#: that Exchange lets a role assignment's name have.
LONGEST_SCOPE = 38
#: Stands in commands for an address that somebody puts there.
OTHER_MAILBOX = "ANOTHER-MAILBOX-ADDRESS"
#: Stands in commands for what only the access token says.
OBJECT_ID = "<object ID of the Enterprise application>"


@dataclass(frozen=True)
class Service:
    """One of Microsoft's services as permissions name it. `roles`: the permissions that Placet needs there, by
    their names in tokens, each with the role that gives the same in Exchange, for one mailbox."""

    label: str
    app_id: str
    roles: dict[str, str]


GRAPH = Service(
    "Microsoft Graph",
    "00000003-0000-0000-c000-000000000000",
    {"Mail.ReadWrite": "Application Mail.ReadWrite", "Mail.Send": "Application Mail.Send"},
)
EWS = Service(
    "Office 365 Exchange Online",
    "00000002-0000-0ff1-ce00-000000000000",
    {"full_access_as_app": "Application EWS.AccessAsApp"},
)


def scope_name(mailbox: str) -> str:
    """Of the management scope: one for each mailbox, also where long addresses begin alike."""
    whole = f"{NAME} {mailbox}"
    if len(whole) <= LONGEST_SCOPE:
        return whole
    mark = hashlib.sha256(mailbox.lower().encode()).hexdigest()[:8]
    return f"{whole[: LONGEST_SCOPE - len(mark) - 1]} {mark}"


def in_cloud(commands: str, cloud: str) -> str:
    """`commands` that sign in to this cloud, a key of `clouds.CLOUDS`. One that is not Microsoft's: as they are."""
    names = NAMES.get(cloud)
    if names is None or cloud == WORLDWIDE.key:
        return commands
    commands = commands.replace(CONNECT, f"{CONNECT} -ExchangeEnvironmentName {names.exchange}")
    return commands.replace(CONNECT_GRAPH, f"{CONNECT_GRAPH} -Environment {names.graph}")


def give(service: Service, client_id: str, object_id: str, mailbox: str) -> str:
    """The right to this one mailbox, once connected to Exchange Online."""
    in_filter = mailbox.replace("'", "''")  # a quote inside the filter's own text
    recipients = f"PrimarySmtpAddress -eq '{in_filter}'"
    scope = quoted(scope_name(mailbox))
    return "\n".join(
        [
            f"New-ServicePrincipal -AppId {quoted(client_id)} -ObjectId {quoted(object_id)} "
            f"-DisplayName {quoted(NAME)}",
            f"New-ManagementScope -Name {scope} -RecipientRestrictionFilter {quoted(recipients)}",
            *(
                f"New-ManagementRoleAssignment -App {quoted(client_id)} -Role {quoted(role)} "
                f"-CustomResourceScope {scope}"
                for role in service.roles.values()
            ),
        ]
    )


def test(client_id: str, mailbox: str) -> str:
    """Which roles RBAC gives the application there, and whether the mailbox is inside their scopes."""
    return (
        f"Test-ServicePrincipalAuthorization -Identity {quoted(client_id)} -Resource {quoted(mailbox)} "
        "| Format-Table"
    )


def allow_ews(client_id: str, mailbox: str) -> str:
    """Exchange Web Services for this application, once connected. The list is one text and is overwritten, so what
    is on it is read and written again: whoever copies this without reading cuts no other application off."""
    address = quoted(mailbox)
    return "\n".join(
        [
            "$allowed = (Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy).EwsAllowedAppIDs",
            f"$list = (@($allowed -split '[,;\\s]+') + {quoted(client_id)} | Where-Object {{ $_ }} | "
            "Select-Object -Unique) -join ','",
            "# From now on only the applications on this list can use EWS: ask first whoever runs others.",
            "Set-OrganizationConfig -EwsEnabled $true -EwsAllowedAppIDs $list",
            f"Get-CASMailbox -Identity {address} | Format-List EwsEnabled",
            f"Set-CASMailbox -Identity {address} -EwsEnabled $true",
        ]
    )


def take_away(service: Service, object_id: str, roles: Sequence[str]) -> str:
    """The same permissions for the whole organisation, `roles` by their names in tokens, taken back."""
    names = ", ".join(quoted(role) for role in roles)
    return "\n".join(
        [
            f"{CONNECT_GRAPH} -Scopes 'AppRoleAssignment.ReadWrite.All', 'Application.Read.All'",
            f"$service = Get-MgServicePrincipal -Filter \"appId eq '{service.app_id}'\"",
            f"$wide = ($service.AppRoles | Where-Object Value -in {names}).Id",
            f"Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId {quoted(object_id)} -All |",
            "  Where-Object AppRoleId -in $wide |",
            "  ForEach-Object { Remove-MgServicePrincipalAppRoleAssignment "
            f"-ServicePrincipalId {quoted(object_id)} -AppRoleAssignmentId $_.Id }}",
        ]
    )
