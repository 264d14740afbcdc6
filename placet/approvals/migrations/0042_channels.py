"""How an answer came is called a channel, as everywhere else."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0041_started_by"),
    ]

    operations = [
        migrations.RenameField(model_name="clarification", old_name="answer_door", new_name="answer_channel"),
        migrations.RenameField(model_name="clarification", old_name="door", new_name="channel"),
        migrations.RenameField(model_name="decision", old_name="door", new_name="channel"),
        migrations.RenameField(model_name="undonedecision", old_name="door", new_name="channel"),
        migrations.RenameField(
            model_name="undonedecision", old_name="undone_door", new_name="undone_channel"
        ),
    ]
