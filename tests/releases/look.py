"""What is in an installation, and whether it goes on where it was: run in its environment, as

python -m tests.releases.look
"""

import json
import os

import django

STAMPS = b"X-MS-Exchange-Organization-AuthAs: Internal\r\nX-MS-Exchange-Organization-AuthMechanism: 04\r\n"
#: Tables that say what models and rights there are, which another version has others of.
OF_THE_CODE = ("django_content_type", "auth_permission")


def contents() -> dict[str, object]:
    """How many rows each table has, and how each request stands."""
    from django.apps import apps

    from placet.approvals.models import Assignment, Request

    models = apps.get_models(include_auto_created=True)
    return {
        "rows": {
            model._meta.db_table: model._base_manager.count()
            for model in models
            if model._meta.db_table not in OF_THE_CODE
        },
        "results": {
            str(number): result for number, result in Request.objects.values_list("number", "result")
        },
        "waiting": Assignment.objects.filter(state=Assignment.State.OPEN).count(),
    }


def answer() -> dict[str, str]:
    """A reply comes to a mail that was sent before: who decided what by it."""
    from django.utils import timezone

    from placet import work
    from placet.approvals.models import Ask, Decision
    from placet.mailboxes import pool
    from placet.mailboxes.memory import MemoryMailbox
    from placet.mailboxes.models import Mailbox
    from placet.sandbox import programs
    from placet.sandbox.mime import Address
    from placet.sandbox.tenant import Item

    server = MemoryMailbox()
    pool.connect = lambda mailbox: server.connect()
    mailbox = Mailbox.objects.get()
    ask = Ask.objects.filter(lines__assignment__state="open").earliest("pk")
    assert ask.outgoing is not None
    text = "Approved. Please order from Dell."
    reply = programs.reply(
        Address(ask.person.name, ask.outgoing.to), Item(bytes(ask.outgoing.raw), None), text
    )
    server.deliver(STAMPS + reply)
    Mailbox.objects.filter(pk=mailbox.pk).update(cursor={}, next_poll=timezone.now())
    kinds = {kind.name: kind for kind in work.kinds()}
    for name in ("poll", "take_in"):
        work.run_once(kinds[name])
    decision = Decision.objects.latest("pk")
    return {
        "asked": ask.person.name,
        "by": decision.by_person.name,
        "outcome": decision.outcome,
        "comment": decision.comment,
    }


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "placet.settings")
    django.setup()
    before, answered = contents(), answer()
    print(json.dumps({"before": before, "answered": answered, "after": contents()}, sort_keys=True))


if __name__ == "__main__":
    main()
