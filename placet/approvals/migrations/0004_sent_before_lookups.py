from collections.abc import Iterator
from typing import Any

from django.db import migrations
from django.db.models import Min
from django.utils import timezone

ASKED_AGAIN = ("refusal-not_named", "refusal-unclear")  # mails that carry an ask's reply code once more
AT_ONCE = 500


def look_up_what_may_still_be_answered(apps: Any, _schema: Any) -> None:
    """Mails from before Sent Items was read for what the server made of them: those of asks that are open, and those
    that asked to answer one of these again. What is not sent yet is looked for after it was."""
    asks = apps.get_model("approvals", "Ask").objects.filter(lines__assignment__state="open")
    mails = apps.get_model("mail", "OutgoingMail").objects.filter(lookup_due=None)
    now = timezone.now()
    mails.filter(pk__in=asks.filter(outgoing__isnull=False).values("outgoing")).update(
        lookup_due=now, lookups=0
    )
    for some in _asked_again(apps, asks, mails):
        mails.filter(pk__in=some).update(lookup_due=now, lookups=0)


def _asked_again(apps: Any, asks: Any, mails: Any) -> Iterator[list[int]]:
    oldest = asks.aggregate(at=Min("created_at"))["at"]
    if oldest is None:
        return
    open_asks = {str(public_id) for public_id in asks.values_list("public_id", flat=True)}
    incoming = apps.get_model("mail", "IncomingMail").objects
    again = mails.filter(kind__in=ASKED_AGAIN, created_at__gte=oldest, cause__startswith="incoming:")
    answers = {int(cause.partition(":")[2]): pk for pk, cause in again.values_list("pk", "cause")}
    numbers = list(answers)
    for start in range(0, len(numbers), AT_ONCE):
        asked = incoming.filter(pk__in=numbers[start : start + AT_ONCE]).values_list("pk", "verdict__ask")
        yield [answers[number] for number, ask in asked if ask in open_asks]


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0003_own_domains"),
        ("mail", "0005_server_address"),
    ]

    operations = [migrations.RunPython(look_up_what_may_still_be_answered, migrations.RunPython.noop)]
