"""A record as it was before there were MACs: chains of the first form, as the versions before wrote them."""

from datetime import timedelta
from typing import Any

from placet.audit import chain
from placet.audit.models import AuditEntry, ChainHead, Checkpoint, InstallationHead
from placet.lib.canonical import digest

LATER = timedelta(milliseconds=3)  # an entry took its moment for itself, after the row's


def as_before(*request_ids: int | None) -> None:
    """Write these chains anew, as they would stand there; None is the installation's own."""
    for number in request_ids:
        previous = chain.FIRST
        entries = AuditEntry.objects.filter(request=number).order_by("seq")
        for entry in entries:
            entry.what, entry.at, entry.mac = _what(entry), entry.at + LATER, None
            entry.previous_hash = previous
            entry.hash = previous = chain.first_form_hash(entry)
            entry.save()
        if number is None:
            InstallationHead.objects.update(hash=previous, mac=None)
        else:
            ChainHead.objects.filter(request=number).update(hash=previous, mac=None)


def all_as_before() -> None:
    """The same of every chain that is there."""
    numbers = AuditEntry.objects.order_by().values_list("request", flat=True).distinct()
    as_before(*numbers)
    Checkpoint.objects.all().delete()


def _what(entry: AuditEntry) -> dict[str, Any]:
    """What the same event said then."""
    value, event = entry.value, entry.what["event"]

    def same(*names: str) -> dict[str, Any]:
        return {"event": event, **{name: value(name) for name in names}}

    match event:
        case "started":
            return same("process", "version", "data_hash")
        case "asked" | "asked again":
            return same("person", "step", "ask", "to") if value("ask") else same("person", "step", "door")
        case "decided":
            what = same("step", "round", "assignment", "outcome", "door", "incoming", "proof", "data_hash")
            return {**what, "comment_hash": digest(value("comment")), "mail": value("fingerprint")}
        case "reply refused":
            return {
                **same("person", "reason", "incoming"),
                "mail": value("fingerprint"),
                "facts_hash": "0" * 64,
            }
        case "stuck":
            return same("step", "reason")
        case "no longer stuck":
            return same("step")
        case "no longer asked":
            return same("person", "step")
    return {name: told for name, told in entry.what.items() if name != "personal"}
