"""What the guide for a mailbox on an Exchange Server shows beside its words: commands for its management shell."""

from collections.abc import Mapping

COMMANDS = {
    "permissions": (
        "Add-MailboxPermission -Identity 'approvals@example.com' -User 'CORP\\placet' -AccessRights FullAccess "
        "-AutoMapping $false\n"
        "Get-Mailbox 'approvals@example.com' | Add-ADPermission -User 'CORP\\placet' -ExtendedRights 'Send As'"
    ),
    "services": (
        "Get-CASMailbox 'approvals@example.com' | Format-List EwsEnabled\n"
        "Get-WebServicesVirtualDirectory | Format-List Server,*Authentication*,*Url"
    ),
    "connectors": (
        "Get-ReceiveConnector | Format-List Identity,AuthMechanism,PermissionGroups,RemoteIPRanges\n"
        "Get-ReceiveConnector | Get-ADPermission | Where-Object {\n"
        "  $_.ExtendedRights -like 'ms-Exch-SMTP-Accept-Authoritative-Domain-Sender' -or\n"
        "  $_.ExtendedRights -like 'ms-Exch-Accept-Headers-Organization'\n"
        "} | Format-Table Identity,User,ExtendedRights"
    ),
}


def context() -> Mapping[str, object]:
    """For the template of the guide."""
    return {"commands": COMMANDS}
