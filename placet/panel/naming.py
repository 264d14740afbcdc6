"""Which processes name a group, a person or an authority table."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import OuterRef, Q, Subquery

from placet.accounts.addresses import normal
from placet.approvals import authority
from placet.approvals.authority_cells import GROUP
from placet.approvals.definitions import definition_of
from placet.approvals.models import Request, Version
from placet.approvals.steps import Who


def processes_naming(*, group: str = "", addresses: Collection[str] = (), table: str = "") -> list[str]:
    """Names of processes that ask this group, somebody by one of these addresses, or by this authority table (or offer
    what stands in it): in the version that is published now, or in an older one that requests still go through."""
    newest = Version.objects.filter(process=OuterRef("process")).order_by("-number").values("pk")[:1]
    going_on = Request.objects.filter(version=OuterRef("pk"), state=Request.State.OPEN).order_by()
    # One of them for each version, by an index. Of Exists PostgreSQL may make a hash of all requests that are open.
    used = Version.objects.alias(one_goes_on=Subquery(going_on.values("pk")[:1])).filter(
        Q(pk=Subquery(newest)) | Q(one_goes_on__isnull=False)
    )
    versions = used.select_related("process")
    return sorted({version.process.name for version in versions if _names(version, group, addresses, table)})


def _names(version: Version, group: str, addresses: Collection[str], table: str) -> bool:
    if version.process.asked_by_id is not None:  # they are many, and name nobody else than one group
        return bool(group) and group in _groups_of_call(version.definition)
    definition = definition_of(version)
    if table and any(source.table == table for source in definition.tables_of_options):
        return True
    lines = definition.lines
    return any((table and who.table == table) or _is(who, group, addresses) for who in lines)


def _groups_of_call(definition: Mapping[str, Any]) -> set[str]:
    """Those that a version asks that a call made, which has one step."""
    steps = definition["steps"].values()
    return {who["group"] for step in steps for who in step.get("ask", ()) if "group" in who}


def _is(who: Who, group: str, addresses: Collection[str]) -> bool:
    if group and group in (who.group, who.among):
        return True
    if who.person is not None and normal(who.person) in addresses:
        return True
    if who.table is not None:
        return authority.asks(who.table, [*([f"{GROUP}{group}"] if group else []), *addresses])
    return who.expression is not None and _speaks_of(who.expression, group, addresses)


def _speaks_of(expression: str, group: str, addresses: Collection[str]) -> bool:
    """Whether a group or an address stands in an expression. What is put together there is not seen."""
    texts = re.findall(r"[^\s\"'`,;()\[\]{}]+", expression)
    return bool(group and f"{GROUP}{group}" in texts) or any(normal(text) in addresses for text in texts)
