"""The words of our own mails: kept with them, they are what reading the mail gives; else the mail is read."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction

from placet.accounts.models import Person
from placet.audit import mac
from placet.mail import outbox
from placet.mail.models import OutgoingMail
from placet.mail.packing import MAILS
from placet.mailboxes.models import Mailbox
from placet.replies import own_words
from placet.replies.own_words import keep, originals
from placet.replies.parse import original
from placet.replies.parse.original import Original
from tests.making import SAMPLE, make_mailbox, start

pytestmark = pytest.mark.django_db
TITLES = [
    "Desk",
    "http://evil.test/x?a=1 www.evil.test evil@x.test",
    "Ünïcödé Straße İstanbul 🙂🙃 机 デスク",
    'a "b" <script>c</script> &amp; \\ \t\x0b',
    "#abcdefghijklmnop [#abcdefghijklmnop] > quoted -- ",
    "word " * 39,
]


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    return make_mailbox()


@pytest.fixture
def ask(mailbox: Mailbox, alice: Person) -> OutgoingMail:
    start(SAMPLE, alice)
    return OutgoingMail.objects.get()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Mails that are read anew."""
    own_words._original.cache_clear()
    read, of = list[bytes](), Original.of

    def noting(*raws: bytes) -> Original:
        read.extend(raws)
        return of(*raws)

    monkeypatch.setattr(Original, "of", noting)
    return read


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("title", TITLES)
def test_what_is_kept_is_what_the_mail_says(
    mailbox: Mailbox, alice: Person, bob: Person, reads: list[bytes], title: str, language: str
) -> None:
    Person.objects.filter(pk=bob.pk).update(language=language)
    start(SAMPLE, alice, item=title)
    ask = OutgoingMail.objects.get()
    reads.clear()
    kept = originals([ask])
    assert reads == []
    assert kept == Original.of(bytes(ask.raw))
    assert len(kept.sent) == 2
    assert kept.links


def test_long_mails_are_kept_as_far_as_they_are_compared(mailbox: Mailbox, reads: list[bytes]) -> None:
    mail = written(mailbox, "word " * 25_000 + "http://x.test/" * 3)
    reads.clear()
    kept = originals([mail])
    assert reads == []
    assert kept == Original.of(bytes(mail.raw))
    assert [one.whole for one in kept.sent] == [False, True]


def test_of_several_mails_all_is_known(mailbox: Mailbox, ask: OutgoingMail) -> None:
    other = written(mailbox, "Answer again")
    assert originals([ask, other]) == Original.of(bytes(ask.raw), bytes(other.raw))
    assert originals([]) == Original.of()


def test_of_what_nobody_answers_nothing_is_kept(mailbox: Mailbox) -> None:
    assert written(mailbox, "Ended", reply_to="").words is None


def written(mailbox: Mailbox, text: str, reply_to: str = "approvals+x@contoso.example") -> OutgoingMail:
    with transaction.atomic():
        return outbox.queue(
            mailbox, kind="x", to="bob@contoso.example", cause=text[:20], subject="Subject", text=text,
            html="<p>Html</p>", priority=OutgoingMail.Priority.ASK, reference=outbox.new_reference(), reply_to=reply_to,
        )  # fmt: skip


def other_words(words: bytes) -> bytes:
    seal, _, said = MAILS.decompressed(words).decode().partition("\n")
    return compressed(f"{seal}\n{said.replace('decide', 'reject')}".encode())


def compressed(text: bytes) -> bytes:
    return MAILS.compressed(text, 0)


def by_another_key(words: bytes) -> bytes:
    said = MAILS.decompressed(words).decode().partition("\n")[2]
    return compressed(f"{mac.Key(b'x' * 32).mac(own_words.PURPOSE, said)}\n{said}".encode())


CHANGES: dict[str, Callable[[bytes], bytes | None]] = {
    "none": lambda words: None,
    "empty": lambda words: b"",
    "not compressed": lambda words: b"\x00 words",
    "cut": lambda words: words[:-20],
    "not text": lambda words: compressed(b"\xff\n{}"),
    "as version 0.1 kept it": lambda words: zlib.compress(MAILS.decompressed(words)),
    "other words": other_words,
    "by another key": by_another_key,
    "too large": lambda words: compressed(MAILS.decompressed(words) + b" " * own_words.LARGEST),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_placet_did_not_keep_of_it_is_not_believed(
    ask: OutgoingMail, reads: list[bytes], change: str
) -> None:
    ask.words = CHANGES[change](bytes(ask.words or b""))
    found = originals([ask])
    assert reads == [bytes(ask.raw)]
    assert found == Original.of(bytes(ask.raw))


def test_nor_what_was_kept_of_another_mail(mailbox: Mailbox, ask: OutgoingMail, reads: list[bytes]) -> None:
    other = written(mailbox, "I approve of everything")
    reads.clear()
    ask.words = other.words
    assert originals([ask]) == Original.of(bytes(ask.raw))
    assert reads[0] == bytes(ask.raw)


def test_nor_what_was_kept_by_other_rules(
    ask: OutgoingMail, reads: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_words, "rules", lambda: "of another version")
    originals([ask])
    assert reads == [bytes(ask.raw)]
    ask.words = keep(bytes(ask.raw))
    reads.clear()
    own_words._original.cache_clear()
    originals([ask])
    assert reads == []


def test_the_rules_are_those_of_all_that_it_is_read_and_kept_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier version kept in another form would be believed, and could not be read."""
    there = own_words.sources()
    assert {Path(module.__file__ or "") for module in (original, own_words)} <= set(there)
    before = own_words.rules.__wrapped__()
    changed = tmp_path / "changed.py"
    for number, source in enumerate(there):
        changed.write_bytes(source.read_bytes() + b"\n")
        others = [*there[:number], changed, *there[number + 1 :]]
        monkeypatch.setattr(own_words, "sources", lambda others=others: others)
        assert own_words.rules.__wrapped__() != before
