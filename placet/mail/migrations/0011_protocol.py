from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("mail", "0010_clock")]

    operations = [migrations.RenameField("incomingmail", "via", "protocol")]
