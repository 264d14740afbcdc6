from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_name_index")]

    operations = [
        migrations.AddIndex(
            model_name="person", index=models.Index(fields=["name", "id"], name="person_in_order")
        ),
    ]
