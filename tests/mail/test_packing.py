"""Mails are compressed where they lie, and are what they were."""

import hashlib
import os
from pathlib import Path

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from placet.accounts.models import Person
from placet.mail import packing
from placet.mail.models import OutgoingMail
from tests.mails_rendered import raw_mails
from tests.making import SAMPLE, make_mailbox, start

#: A mail that was packed with a dictionary can be read with that one alone.
DICTIONARIES = {1: "cb290b19be33a9bdfe070644275479b5668d709673f757fb4764e9fa32651fe6"}


def stored(mail: OutgoingMail) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("SELECT raw FROM mail_outgoingmail WHERE id = %s", [mail.pk])
        return bytes(cursor.fetchone()[0])


def test_no_dictionary_was_changed() -> None:
    folder = Path(packing.__file__).parent / "dictionaries"
    hashes = {int(file.stem): hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
    assert hashes == DICTIONARIES
    assert packing.NEWEST in DICTIONARIES


@given(st.binary(max_size=3000) | st.binary(max_size=100).map(lambda some: packing.MARK + some))
def test_every_mail_comes_back(mail: bytes) -> None:
    assert packing.unpacked(packing.packed(mail)) == mail


@given(st.binary(min_size=1, max_size=3000), st.integers(1, 4000))
def test_a_beginning_is_enough_for_a_beginning(mail: bytes, most: int) -> None:
    beginning = packing.packed(mail)[: packing.room_for(most)]
    assert packing.start_and_size(beginning, most) == (mail[:most], len(mail))


def test_a_beginning_of_what_cannot_be_compressed() -> None:
    mail = os.urandom(300_000)
    for most in (1, 1000, 131_072, 299_999, 300_000):
        beginning = packing.packed(mail)[: packing.room_for(most)]
        assert packing.start_and_size(beginning, most) == (mail[:most], 300_000)


def test_a_mail_from_before_is_read_as_it_is() -> None:
    old = b"From: ann@contoso.example\r\n\r\nYes"
    assert packing.unpacked(old) == old
    assert packing.start_and_size(old, 5) == (b"From:", None)


def test_what_is_no_packed_mail_is_damaged() -> None:
    good = packing.packed(b"From: ann@contoso.example\r\n\r\nYes")
    another_dictionary = packing.MARK + bytes([77]) + good[len(packing.MARK) + 1 :]
    for bad in (good[:12], good[:-6], good[:-1] + b"x", packing.MARK, another_dictionary):
        with pytest.raises(packing.Damaged):
            packing.unpacked(bad)
    another_size = packing.MARK + bytes([packing.NEWEST]) + (2**40).to_bytes(8, "big") + good[17:]
    assert packing.unpacked(packing.MARK + bytes([packing.NEWEST]) + (32).to_bytes(8, "big") + good[17:])
    with pytest.raises(packing.Damaged):
        packing.unpacked(another_size)


@pytest.mark.django_db
def test_our_mails_take_a_sixth_of_their_room_and_less() -> None:
    for language in ("en", "fr"):
        for kind, mail in raw_mails(language).items():
            assert len(packing.packed(mail)) < len(mail) / 6, kind


def test_nothing_is_kept_as_nothing() -> None:
    assert packing.packed(b"") == b"" == packing.unpacked(b"")


@pytest.mark.django_db
def test_rows_hold_packed_mails_and_old_ones(alice: Person) -> None:
    make_mailbox()
    start(SAMPLE, alice)
    mail = OutgoingMail.objects.get()
    assert mail.raw.startswith(b"From: ")
    assert stored(mail) == packing.packed(mail.raw)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mail_outgoingmail SET raw = %s", [b"From: a@b.example\r\n\r\nold"])
    mail.refresh_from_db()
    assert mail.raw == b"From: a@b.example\r\n\r\nold"
    OutgoingMail.objects.update(raw=b"new")
    assert stored(mail).startswith(packing.MARK)
    assert OutgoingMail.objects.values_list("raw", flat=True).get() == b"new"
