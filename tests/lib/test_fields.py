"""Secrets in a row: encrypted in the database, absent from everything that prints or exports them."""

from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from placet.lib import keys
from placet.lib.fields import Secrets
from placet.mailboxes.models import Mailbox

SECRET = "hunter2~correct.horse"

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox.objects.create(name="m", address="m@contoso.example", secrets={"client_secret": SECRET})


def stored(mailbox: Mailbox) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM mailboxes_mailbox WHERE id = %s", [mailbox.pk])
        return str(cursor.fetchone()[0])


def test_secrets_are_encrypted_at_rest_and_read_back(mailbox: Mailbox) -> None:
    assert SECRET not in stored(mailbox)
    assert stored(mailbox).startswith("gAAAA")  # Fernet
    assert Mailbox.objects.get().secrets["client_secret"] == SECRET


def test_the_same_secret_is_never_spelt_the_same_way_twice(mailbox: Mailbox) -> None:
    first = stored(mailbox)
    Mailbox.objects.get().save()
    assert stored(mailbox) != first


def test_nothing_that_prints_a_row_prints_its_secrets(mailbox: Mailbox) -> None:
    found = Mailbox.objects.get()
    for text in (
        repr(found.secrets),
        str(found.secrets),
        f"{found.secrets}",
        repr(vars(found)),
        repr(Mailbox.objects.values()),
    ):
        assert SECRET not in text
    assert repr(found.secrets) == "Secrets(client_secret)"


def test_exports_hold_the_encrypted_text(mailbox: Mailbox) -> None:
    out = StringIO()
    call_command("dumpdata", "mailboxes", stdout=out)
    assert "m@contoso.example" in out.getvalue()
    assert SECRET not in out.getvalue()


def test_no_secrets_are_no_secrets(mailbox: Mailbox) -> None:
    Mailbox.objects.update(secrets={})
    assert Mailbox.objects.get().secrets == Secrets()


def test_what_another_key_encrypted_is_said_in_words(mailbox: Mailbox) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mailboxes_mailbox SET secrets = %s", ["gAAAAABnot-ours"])
    with pytest.raises(keys.KeyTrouble, match="another key") as error:
        Mailbox.objects.get()
    assert str(settings.PLACET.data_dir / "keys") in str(error.value)
