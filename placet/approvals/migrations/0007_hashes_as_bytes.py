from django.db import migrations

from placet.lib.fields import HexField
from placet.lib.migrating import HEX, ToBytes, without_patterns


class Migration(migrations.Migration):
    dependencies = [("approvals", "0006_word_index")]

    operations = [
        ToBytes("request", "data_hash", HexField(), HEX),
        ToBytes("askline", "facts_hash", HexField(), HEX),
        without_patterns("approvals_ask_code_hash_574b6e68_like"),
    ]
