import django.db.models.deletion
from django.db import migrations, models

from placet.audit.packing import EntryField
from placet.lib.fields import HexField
from placet.lib.migrating import HEX, KEYED_HEX, ToBytes


class Migration(migrations.Migration):
    """Entries that are there stay as they are on SQLite, and are read as before; what is written from now on is kept in
    less room."""

    dependencies = [("audit", "0003_macs")]

    operations = [
        migrations.AlterField(
            "auditentry",
            "request",
            models.ForeignKey(
                "approvals.Request",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit",
                db_index=False,
            ),
        ),
        ToBytes("auditentry", "what", EntryField()),
        ToBytes("auditentry", "previous_hash", HexField(), HEX),
        ToBytes("auditentry", "hash", HexField(), HEX),
        ToBytes("auditentry", "mac", HexField(null=True), KEYED_HEX),
        ToBytes("chainhead", "hash", HexField(), HEX),
        ToBytes("chainhead", "mac", HexField(null=True), KEYED_HEX),
        ToBytes("installationhead", "hash", HexField(), HEX),
        ToBytes("installationhead", "mac", HexField(null=True), KEYED_HEX),
    ]
