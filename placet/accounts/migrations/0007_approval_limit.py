from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_person_in_order")]

    operations = [
        migrations.AddField(
            model_name="person",
            name="approval_limit",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=15, null=True),
        ),
    ]
