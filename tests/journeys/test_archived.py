"""What is archived reads, is answered and is verified as before."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet.approvals import evidence
from placet.audit import chain
from placet.mail import archiving, blocks
from placet.mail.models import IncomingMail, OutgoingMail
from tests.journeys.conftest import World
from tests.mail.test_packing import stored

BOTH_WAYS = True
CSRF_TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"')


def pages(browser: Client) -> dict[str, bytes]:
    """Of every mail: its page, and the mail itself."""
    paths = [
        reverse(f"panel:{name}", args=[mail.pk])
        for names, mails in (
            (("incoming_mail", "raw"), IncomingMail.objects.all()),
            (("outgoing_mail", "outgoing_html"), OutgoingMail.objects.all()),
        )
        for mail in mails
        for name in names
    ]
    shown = {path: browser.get(path) for path in paths}
    assert {answer.status_code for answer in shown.values()} == {200}
    return {path: CSRF_TOKEN.sub(b"", b"".join(answer)) for path, answer in shown.items()}


@pytest.mark.django_db
def test_archived_mails_are_shown_answered_and_verified_as_before(world: World) -> None:
    _, decided = world.asked(item="Desk")
    _, open_ = world.asked(item="Chair")
    world.sandbox.reply_as("bob", decided.id, "Approved.\n\nFrom our usual supplier, please.")
    world.run_until_quiet()
    browser = Client()
    browser.force_login(world.people["ada"])
    before = pages(browser)
    assert archiving.archive(timezone.now() + timedelta(days=1))
    mails: list[IncomingMail | OutgoingMail] = [*IncomingMail.objects.all(), *OutgoingMail.objects.all()]
    assert all(stored(mail).startswith(blocks.MARK) for mail in mails)
    assert pages(browser) == before
    world.sandbox.reply_as("bob", decided.id, "Rejected.")
    world.sandbox.reply_as("bob", open_.id, "Rejected, too expensive.")
    world.run_until_quiet()
    assert world.results() == ["decided", "already_decided", "decided"]
    assert world.decisions() == [("Bob", "approve"), ("Bob", "reject")]
    assert [*chain.verify(), *evidence.compare()] == []
