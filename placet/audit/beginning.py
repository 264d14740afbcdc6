"""Where MACs begin in a record that was written without.

An installation that is new has its key from the first moment. One from before gets it at the first start of a version
that knows MACs: `begin` makes a key, gives every chain that is there a MAC at its end, and writes into the
installation's own chain up to where entries have none, and the root of a hash tree over all of these. From then on
the file `keys/audit.keys` says that this was done: it is never done again, or whoever can write to the database could
have a forged record taken for an old one.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from placet.audit import mac
from placet.audit.chain import MACS_BEGIN, append_of_installation, head_mac
from placet.audit.models import AuditEntry, ChainHead, InstallationHead
from placet.lib import keys
from placet.lib.keys import KeyTrouble
from placet.lib.merkle import Tree

AT_ONCE = 5000  # heads of chains
LOOKED_AT = 100  # entries that say whether the key is the right one
BEGUN = f"{keys.AUDIT_FILE}.new"  # the key, until all that it is made for is in the database
CURE = "Bring it back from a backup (placet restore)."


def ensure_macs() -> None:
    """At every start. KeyTrouble if the key that this record was made with is missing, or another one is there."""
    folder = settings.PLACET.data_dir / "keys"
    if not (folder / keys.AUDIT_FILE).exists():
        begin(folder)
    check_macs()


def check_macs() -> None:
    """KeyTrouble as above; nothing is made. Nor is anything wrong with tables from before there were MACs."""
    folder = settings.PLACET.data_dir / "keys"
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, AuditEntry._meta.db_table)
    if "mac" not in {column.name for column in columns}:
        return
    # Of several: whoever can write to the database shall not stop the start by one MAC.
    last = list(
        AuditEntry.objects.exclude(mac=None).order_by("-pk").values_list("mac", flat=True)[:LOOKED_AT]
    )
    if last and not (folder / keys.AUDIT_FILE).exists():
        raise KeyTrouble(f"The key file {folder / keys.AUDIT_FILE} is missing. {CURE}")
    ours = {key.id for key in (mac.keys() if last else ())}
    if last and not any(str(one).partition(":")[0] in ours for one in last):
        raise KeyTrouble(
            f"The key in {folder / keys.AUDIT_FILE} is not the one that the record was made with: no MAC of it can be "
            f"checked. {CURE} After a change of keys the older lines have to stay in the file."
        )


def begin(folder: Path) -> None:
    """Once in the life of a record. Goes on where it was interrupted. KeyTrouble if it was done before."""
    begun = folder / BEGUN
    if not begun.exists():
        if _has_macs():
            raise KeyTrouble(f"The key file {folder / keys.AUDIT_FILE} is missing. {CURE}")
        keys.write_audit_key(begun)
    key = mac.Key(keys.read_audit_keys(begun)[0])
    if not _has_macs():
        with transaction.atomic():
            _mark(key)
    begun.rename(folder / keys.AUDIT_FILE)


def _has_macs() -> bool:
    return any(
        table.objects.exclude(mac=None).exists() for table in (AuditEntry, ChainHead, InstallationHead)
    )


def _mark(key: mac.Key) -> None:
    last = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first()
    if last is None:
        return
    tree = Tree()
    for one in AuditEntry.objects.order_by("pk").values_list("hash", flat=True).iterator(AT_ONCE):
        tree.add(one.encode())
    heads = _heads(key)
    with connection.cursor() as cursor:
        while some := list(islice(heads, AT_ONCE)):
            cursor.executemany("UPDATE audit_chainhead SET mac = %s WHERE request_id = %s", some)
    what = {"event": MACS_BEGIN, "entries": tree.size, "last_entry": last, "root": tree.root().hex()}
    append_of_installation("system", what, key)


def _heads(key: mac.Key) -> Iterator[tuple[Any, int]]:
    stored = ChainHead._meta.get_field("mac").get_db_prep_save
    # Whole batches are read before they are written: SQLite may show a row again that was changed during a read.
    last = 0
    while some := list(ChainHead.objects.filter(pk__gt=last).order_by("pk")[:AT_ONCE]):
        yield from (
            (stored(head_mac(key, head.pk, head.seq, head.hash), connection), head.pk) for head in some
        )
        last = some[-1].pk
