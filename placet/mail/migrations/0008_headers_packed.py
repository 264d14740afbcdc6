from django.db import migrations

from placet.lib.migrating import ToBytes, without_patterns
from placet.mail.packing import HeadersField


class Migration(migrations.Migration):
    """Headers that are there stay as they are, and are read as before."""

    dependencies = [("mail", "0007_outgoing_words")]

    operations = [
        ToBytes("incomingmail", "transport_headers", HeadersField(blank=True, default="")),
        without_patterns(
            "mail_outgoingmail_message_id_5b018f1a_like", "mail_outgoingmail_reference_9461b6e1_like"
        ),
    ]
