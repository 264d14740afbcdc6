"""What the application may do in which mailbox: consent for the whole tenant, and what limits or widens it.

Microsoft's rules ("Role Based Access Control for Applications in Exchange Online", "Limiting application
permissions to specific Exchange Online mailboxes"): what was consented to in Entra holds in every mailbox, unless
an application access policy limits it; what RBAC for Applications gives holds in the mailboxes of its scope and
needs no role in the token. The two add up.
"""

from __future__ import annotations

from collections.abc import Collection

from placet.sandbox.tenant import Mailbox, Switches

EWS_ROLE = "full_access_as_app"
EWS_RBAC_ROLE = "EWS.AccessAsApp"
# A permission that holds another one.
_WIDER = {"Mail.Read": ("Mail.ReadWrite",)}


def may(switches: Switches, mailbox: Mailbox, role: str, consented: Collection[str]) -> bool:
    """Whether an app with these consented roles may do in this mailbox what `role` allows."""
    address = mailbox.address.lower()
    roles = {role, *_WIDER.get(role, ())}
    limited = switches.access_policy is not None and address not in switches.access_policy
    if roles & set(consented) and not limited:
        return True
    by_rbac = {EWS_ROLE: EWS_RBAC_ROLE}
    return address in switches.rbac and bool({by_rbac.get(r, r) for r in roles} & switches.rbac_roles)


def is_limited(switches: Switches, mailbox: Mailbox) -> bool:
    """Whether an application access policy closes the mailbox."""
    return switches.access_policy is not None and mailbox.address.lower() not in switches.access_policy
