"""Mails are compressed where they lie, and are what they were."""

import hashlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from placet.accounts.models import Person
from placet.lib import rows
from placet.mail import packing
from placet.mail.mime import composed
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.mails_rendered import raw_mails_once
from tests.making import SAMPLE, make_mailbox, start
from tests.once import Together

#: A mail that was packed with a dictionary can be read with that one alone.
DICTIONARIES = {
    "mail/dictionaries/1.txt": "cb290b19be33a9bdfe070644275479b5668d709673f757fb4764e9fa32651fe6",
    "mail/dictionaries/2.zdict": "795ddfe04d06d85f1ff88c45efb4e9b867c3c6734b4f253a25904b6a13a5e9ad",
    "audit/dictionaries/1.zdict": "8c9bf784d0316a749adbf39d9123c73ca570d1cefb939c2eeee7c8bfb63a6294",
}
MAIL = b"From: ann@contoso.example\r\n\r\nYes"


def stored(mail: OutgoingMail | IncomingMail, column: str = "raw") -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {mail._meta.db_table} WHERE id = %s", [mail.pk])
        return bytes(cursor.fetchone()[0])


def by_zlib(mail: bytes, dictionary: int = 1) -> bytes:
    """As version 0.1 kept mails."""
    words = (Path(packing.__file__).parent / "dictionaries" / "1.txt").read_bytes() if dictionary else b""
    squeeze = zlib.compressobj(3, zdict=words)
    head = packing.ZLIB_MARK + bytes([dictionary]) + len(mail).to_bytes(8, "big")
    return head + squeeze.compress(mail) + squeeze.flush()


def test_no_dictionary_was_changed() -> None:
    root = Path(packing.__file__).parents[1]
    files = [file for file in root.glob("*/dictionaries/*") if file.is_file()]
    hashes = {str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert hashes == DICTIONARIES


@given(st.binary(max_size=3000) | st.binary(max_size=100).map(lambda some: packing.MARK + some))
def test_every_mail_comes_back(mail: bytes) -> None:
    assert packing.unpacked(packing.packed(mail)) == mail


@given(st.binary(min_size=1, max_size=3000), st.integers(1, 4000))
def test_a_beginning_is_enough_for_a_beginning(mail: bytes, most: int) -> None:
    for kept in (packing.packed(mail), by_zlib(mail)):
        beginning = kept[: packing.room_for(most)]
        assert packing.start_and_size(beginning, most) == (mail[:most], len(mail))


def test_a_beginning_of_what_cannot_be_compressed() -> None:
    mail = os.urandom(900_000)
    kept = packing.packed(mail)
    for most in (1, 1000, 131_072, 600_000, 899_999, 900_000):
        assert packing.start_and_size(kept[: packing.room_for(most)], most) == (mail[:most], 900_000)


def test_a_beginning_within_a_body_that_is_encoded() -> None:
    mail = raw_of("yes, " * 30_000)
    kept = packing.packed(mail)
    for most in (1, 1000, 100_000, 131_072, len(mail)):
        assert packing.start_and_size(kept, most) == (mail[:most], len(mail))


def raw_of(text: str) -> bytes:
    return composed({"From": "ann@contoso.example"}, text, f"<p>{text}</p>", "b")


@pytest.mark.parametrize("dictionary", [0, 1])
def test_a_mail_from_before_is_read_as_it_is(dictionary: int) -> None:
    assert packing.unpacked(MAIL) == MAIL
    assert packing.start_and_size(MAIL, 5) == (b"From:", None)
    assert packing.unpacked(by_zlib(MAIL, dictionary)) == MAIL
    assert packing.start_and_size(by_zlib(MAIL, dictionary), 5) == (b"From:", len(MAIL))


@pytest.mark.parametrize("kept_by", [packing.packed, by_zlib])
def test_what_is_no_packed_mail_is_damaged(kept_by: Callable[[bytes], bytes]) -> None:
    good = kept_by(MAIL)
    mark = packing.MARK if kept_by is packing.packed else packing.ZLIB_MARK
    another_dictionary = mark + bytes([77]) + good[len(mark) + 1 :]
    for bad in (good[:12], good[:-6], good[:-1] + b"x", mark, another_dictionary):
        with pytest.raises(packing.Damaged):
            packing.unpacked(bad)
    assert packing.unpacked(good) == MAIL
    another_size = good.replace(bytes([len(MAIL)]), bytes([len(MAIL) + 1]), 1)
    with pytest.raises(packing.Damaged):
        packing.unpacked(another_size)


def test_what_would_be_too_large_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = packing.packed(bytes(100_000))
    monkeypatch.setattr("placet.lib.compression.LONGEST", 50_000)
    with pytest.raises(packing.Damaged, match="too large"):
        packing.unpacked(kept)


@pytest.mark.django_db
@pytest.mark.any_database
@pytest.mark.long
def test_our_mails_take_a_fifteenth_of_their_room_and_less(together: Together) -> None:
    for language in ("en", "fr"):
        for kind, mail in raw_mails_once(language, together).items():
            assert len(packing.packed(mail)) < len(mail) / 15, kind


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


# --- the server's headers ---------------------------------------------------------------------------------

STAMPS = "Received: by x\r\nARC-Seal: " + hashlib.sha512(b"seal").hexdigest() * 8 + "\r\n"


def kept_with_headers(mailbox: Mailbox, headers: str, raw: bytes) -> IncomingMail:
    row = IncomingMail(
        mailbox=mailbox,
        server_id="1",
        protocol="graph",
        fingerprint="1",
        folder="inbox",
        raw=raw,
        transport_headers=headers,
    )
    rows.insert([row])
    assert row.transport_headers == headers
    return IncomingMail.objects.get(pk=row.pk)


@pytest.mark.django_db
def test_headers_are_kept_beside_those_of_the_mail() -> None:
    raw = STAMPS.encode() + MAIL
    mail = kept_with_headers(make_mailbox(), STAMPS + "X-More: “yes”\r\n", raw)
    assert mail.transport_headers == STAMPS + "X-More: “yes”\r\n"
    assert len(stored(mail, "transport_headers")) < 80 < len(STAMPS) / 10
    without = IncomingMail.objects.defer("raw").get()
    assert without.transport_headers == mail.transport_headers
    without = IncomingMail.objects.defer("raw", "transport_headers").get()
    assert without.transport_headers == mail.transport_headers
    mail.save()
    mail.refresh_from_db()
    assert mail.transport_headers == without.transport_headers
    IncomingMail.objects.update(transport_headers="Subject: changed alone")
    assert IncomingMail.objects.get().transport_headers == "Subject: changed alone"


@pytest.mark.django_db
@pytest.mark.parametrize("raw", [b"", MAIL, b"no headers" * 30])
@pytest.mark.parametrize("headers", ["", "Subject: yes\r\n", STAMPS])
def test_headers_come_back_whatever_the_mail_has(raw: bytes, headers: str) -> None:
    assert kept_with_headers(make_mailbox(), headers, raw).transport_headers == headers


@pytest.mark.django_db
def test_headers_from_before_are_read_and_damaged_ones_are_found_with_the_mail() -> None:
    mail = kept_with_headers(make_mailbox(), STAMPS, STAMPS.encode() + MAIL)
    with connection.cursor() as cursor:
        column = [b"Subject: old\r\n" if connection.vendor == "postgresql" else "Subject: old\r\n"]
        cursor.execute("UPDATE mail_incomingmail SET transport_headers = %s", column)
    mail.refresh_from_db()
    assert mail.transport_headers == "Subject: old\r\n"
    mail.transport_headers = STAMPS
    mail.save()
    IncomingMail.objects.update(raw=b"X-Another: mail\r\n" * 20)
    with pytest.raises(packing.Damaged):
        IncomingMail.objects.get()
    assert IncomingMail.objects.defer("transport_headers").get().raw.startswith(b"X-Another")
