"""Whether the authorities and keys that signatures are believed by are those that the installation's record tells of:
somebody who can write to the database alone could enter one of their own. Looks; changes nothing."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from django.db import transaction

from placet.accounts import trust_changes
from placet.accounts.models import RevocationList, SignerKey, TrustedAuthority
from placet.audit.chain import ONLY
from placet.audit.models import AuditEntry, InstallationHead

AT_ONCE = 100  # entries that are held in memory


def compare() -> Iterator[str]:
    """What differs, in words, without a full stop. Where something seems to differ, all is looked at once more while
    nobody can write to the installation's record."""
    if not any(_differences()):
        return
    with transaction.atomic():
        InstallationHead.objects.select_for_update().filter(pk=ONLY).first()
        differences = list(_differences())
    yield from differences


def _differences() -> Iterator[str]:
    recorded = _recorded()
    for name, row in _rows():
        if recorded.pop(name, None) != row:
            yield f"Signatures, {name}: nobody is recorded to have entered it so"
    for name in recorded:
        yield f"Signatures, {name}: it is recorded, and gone"


def _rows() -> Iterator[tuple[str, Any]]:
    """Each with what of it decides. The fingerprint is reckoned anew where it is one of the content."""
    for authority in TrustedAuthority.objects.order_by("pk").iterator(chunk_size=AT_ONCE):
        fingerprint = sha256(bytes(authority.content)).hexdigest()
        yield f"authority {fingerprint}", authority.needs_list
    for key in SignerKey.objects.order_by("pk").iterator(chunk_size=AT_ONCE):
        content = sha256(bytes(key.content)).hexdigest()
        yield f"key {key.fingerprint}", (key.person_id, key.scheme, content)
    for revoked in RevocationList.objects.order_by("pk").iterator(chunk_size=AT_ONCE):
        yield f"revoked by {revoked.issuer_hash}", sha256(bytes(revoked.content)).hexdigest()


def _recorded() -> dict[str, Any]:
    """What the entries come to."""
    recorded: dict[str, Any] = {}
    for entry in AuditEntry.objects.filter(request=None).order_by("seq").iterator(chunk_size=AT_ONCE):
        what = entry.what
        match what.get("event"):
            case trust_changes.AUTHORITY_ADDED:
                recorded[f"authority {what['authority']}"] = what["needs_list"]
            case trust_changes.AUTHORITY_REMOVED:
                recorded.pop(f"authority {what['authority']}", None)
            case trust_changes.KEY_ADDED:
                recorded[f"key {what['key']}"] = (what["person"], what["scheme"], what["content"])
            case trust_changes.KEY_REMOVED:
                recorded.pop(f"key {what['key']}", None)
            case trust_changes.LIST_ADDED:
                recorded[f"revoked by {what['issuer']}"] = what["list"]
    return recorded
