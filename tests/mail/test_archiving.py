"""Old mails lie together, take less room, and are what they were."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from placet.accounts.models import Person
from placet.lib.compression import Damaged
from placet.mail import archiving, blocks, packing
from placet.mail.models import IncomingMail, MailBlock, OutgoingMail
from placet.mail.unwrapping import unwrapped
from placet.mailboxes.models import Mailbox
from tests.mail.test_packing import STAMPS, stored
from tests.making import SAMPLE, make_mailbox, start

pytestmark = [pytest.mark.any_database, pytest.mark.django_db]

OLD = timedelta(days=100)
AGE = timedelta(days=90)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=blocks.MOST_MAILS))
def test_each_mail_of_a_block_comes_back(mails: list[bytes]) -> None:
    block = blocks.block_of(mails)
    content = blocks.decompressed(block, blocks.digest_of(block))
    assert [blocks.mail_in(content, at) for at in range(len(mails))] == mails
    with pytest.raises(Damaged):
        blocks.mail_in(content, len(mails))


@given(st.binary(min_size=1, max_size=8), st.integers(0, 2**63), st.integers(0, 127), st.integers(0, 2**32))
def test_a_place_is_read_whole_or_is_damaged(more: bytes, block: int, at: int, size: int) -> None:
    place = blocks.Place(block, bytes(range(blocks.DIGEST)), at, size)
    assert blocks.Place.of(place.kept()) == place
    for bad in (place.kept() + more, place.kept()[:-1], blocks.MARK):
        with pytest.raises(Damaged):
            blocks.Place.of(bytes(bad))


# --- which mails are put together ---------------------------------------------------------------------------


@pytest.fixture
def mailbox() -> Mailbox:
    return make_mailbox()


def came(
    mailbox: Mailbox, number: int, at: datetime, text: bytes = b"yes", state: str = IncomingMail.State.HANDLED
) -> IncomingMail:
    return IncomingMail.objects.create(
        mailbox=mailbox, server_id=str(number), protocol="graph", fingerprint=str(number), folder="inbox", kept_at=at,
        raw=f"Message-ID: <{number}@contoso.example>\r\n{STAMPS}\r\n".encode() + text, transport_headers=STAMPS,
        state=state,
    )  # fmt: skip


def archive_all() -> int:
    """How many blocks were made."""
    made = 0
    while archiving.due(1):
        made += archiving.work(archiving.NEXT)
    return made


def in_blocks() -> set[int]:
    return {mail.pk for mail in IncomingMail.objects.all() if stored(mail).startswith(blocks.MARK)}


def test_mails_that_are_old_enough_lie_together_and_are_what_they_were(mailbox: Mailbox) -> None:
    before = timezone.now() - OLD
    mails = [came(mailbox, number, before + timedelta(minutes=number)) for number in range(320)]
    young = came(mailbox, 1000, timezone.now())
    raws = dict(IncomingMail.objects.values_list("pk", "raw"))
    alone = sum(len(stored(mail)) for mail in mails)
    assert archive_all() == 3
    assert in_blocks() == {mail.pk for mail in mails}
    assert young.pk not in in_blocks()
    assert {mail.pk: (bytes(mail.raw), mail.transport_headers) for mail in IncomingMail.objects.all()} == {
        pk: (bytes(raw), STAMPS) for pk, raw in raws.items()
    }
    together = sum(len(stored(mail)) for mail in mails)
    together += sum(len(bytes(block.content)) for block in MailBlock.objects.all())
    assert together < alone / 3
    assert [block.mails for block in MailBlock.objects.order_by("pk")] == [128, 128, 64]


def test_the_beginning_of_one_that_lies_with_others(mailbox: Mailbox) -> None:
    mails = [came(mailbox, number, timezone.now() - OLD, b"yes, " * number * 50) for number in range(70)]
    assert archive_all() == 1
    for mail in mails:
        kept = stored(mail)
        assert kept.startswith(blocks.MARK)
        for most in (1, 700, 5_000, 100_000):
            assert packing.start_and_size(kept, most) == (bytes(mail.raw)[:most], len(mail.raw))


def test_what_is_not_done_has_a_file_or_nothing_stays_by_itself(mailbox: Mailbox) -> None:
    at = timezone.now() - OLD
    aside = came(mailbox, 1, at, state=IncomingMail.State.SET_ASIDE)
    waiting = came(mailbox, 2, at, state=IncomingMail.State.KEPT)
    large = came(mailbox, 3, at, bytes(blocks.LARGEST))
    empty = came(mailbox, 4, at)
    IncomingMail.objects.filter(pk=empty.pk).update(raw=b"", transport_headers="")
    done = {came(mailbox, 10 + number, at).pk for number in range(80)}
    assert archive_all() == 1
    assert in_blocks() == done
    assert bytes(IncomingMail.objects.get(pk=large.pk).raw) == bytes(large.raw)
    assert {IncomingMail.objects.get(pk=one.pk).state for one in (aside, waiting)} == {"set_aside", "kept"}


def test_one_that_cannot_be_read_does_not_stop_the_others(mailbox: Mailbox) -> None:
    at = timezone.now() - OLD
    broken = came(mailbox, 1, at)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE mail_incomingmail SET raw = %s WHERE id = %s", [packing.MARK + b"broken", broken.pk]
        )
    others = {came(mailbox, 10 + number, at).pk for number in range(80)}
    assert archive_all() == 1
    assert {pk for pk in others if stored(IncomingMail.objects.get(pk=pk)).startswith(blocks.MARK)} == others


def test_few_wait_for_others_but_not_for_ever(mailbox: Mailbox) -> None:
    for number in range(archiving.ENOUGH - 1):
        came(mailbox, number, timezone.now() - OLD)
    assert archiving.due(1) == []
    came(mailbox, 100, timezone.now() - OLD)
    assert archiving.due(1) == [archiving.NEXT]
    assert archive_all() == 1
    came(mailbox, 101, timezone.now() - AGE - archiving.LONGEST_WAIT - timedelta(hours=1))
    assert archive_all() == 1
    assert archiving.due(1) == []


def test_a_block_ends_before_it_is_too_large_to_be_read_for_one(mailbox: Mailbox) -> None:
    for number in range(12):
        came(mailbox, number, timezone.now() - 2 * OLD, bytes([number]) * 200_000)
    archive_all()
    assert in_blocks() == set(IncomingMail.objects.values_list("pk", flat=True))
    for block in MailBlock.objects.all():
        content = bytes(block.content)
        size = len(blocks.decompressed(content, blocks.digest_of(content)))
        assert size <= blocks.MOST_BYTES + blocks.LARGEST + 1000
    assert MailBlock.objects.count() == 2


def test_never_where_the_setting_says_so(mailbox: Mailbox, settings: pytest.FixtureRequest) -> None:
    for number in range(archiving.ENOUGH):
        came(mailbox, number, timezone.now() - OLD)
    settings.PLACET = settings.PLACET.model_copy(update={"archive_mails_after_days": 0})  # type: ignore[attr-defined]
    assert archiving.due(1) == []


def test_two_processes_make_a_block_once(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(archiving.ENOUGH):
        came(mailbox, number, timezone.now() - OLD)
    looked = archiving._through()
    assert archiving.archive(timezone.now() - AGE) == archiving.ENOUGH
    places = {mail.pk: stored(mail) for mail in IncomingMail.objects.all()}
    monkeypatch.setattr(
        archiving, "_through", lambda: looked
    )  # the other one looked before that was committed
    assert archiving.archive(timezone.now() - AGE) == 0
    assert {mail.pk: stored(mail) for mail in IncomingMail.objects.all()} == places
    assert MailBlock.objects.count() == 1


def test_one_that_is_handled_anew_meanwhile_stays_by_itself(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = [came(mailbox, number, timezone.now() - OLD) for number in range(archiving.ENOUGH)]
    write = archiving._write

    def write_later(*arguments: object) -> bool:
        IncomingMail.objects.filter(pk=mails[3].pk).update(state=IncomingMail.State.SET_ASIDE)
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(archiving, "_write", write_later)
    archive_all()
    assert in_blocks() == {mail.pk for mail in mails} - {mails[3].pk}


def test_our_own_mails_too_without_the_words_kept_beside_them(alice: Person, mailbox: Mailbox) -> None:
    start(SAMPLE, alice)
    OutgoingMail.objects.update(state=OutgoingMail.State.SENT, created_at=timezone.now() - 2 * OLD)
    mail = OutgoingMail.objects.get()
    assert mail.words
    assert archive_all() == 1
    assert stored(mail).startswith(blocks.MARK)
    again = OutgoingMail.objects.get()
    assert (bytes(again.raw), again.words) == (bytes(mail.raw), None)


# --- what is damaged ----------------------------------------------------------------------------------------


def test_other_bytes_than_were_written_are_never_taken_for_a_mail(mailbox: Mailbox) -> None:
    mails = [came(mailbox, number, timezone.now() - OLD) for number in range(archiving.ENOUGH)]
    archive_all()
    content = bytes(MailBlock.objects.get().content)
    others = blocks.block_of([unwrapped(bytes(mail.raw).replace(b"yes", b"no!")) for mail in mails])
    for bad in (others, content[:-1], b"", content + b"x"):
        MailBlock.objects.update(content=bad)
        blocks.forget()
        with pytest.raises(Damaged):
            IncomingMail.objects.get(pk=mails[0].pk)
    MailBlock.objects.update(content=content)
    assert IncomingMail.objects.get(pk=mails[0].pk).raw == mails[0].raw
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM mail_mailblock")
    blocks.forget()
    with pytest.raises(Damaged, match="not there"):
        IncomingMail.objects.get(pk=mails[0].pk)


def test_a_mail_that_looks_like_a_place_is_a_mail(mailbox: Mailbox) -> None:
    looks = bytes(blocks.Place(1, bytes(8), 0, 3).kept())
    mail = came(mailbox, 1, timezone.now())
    IncomingMail.objects.filter(pk=mail.pk).update(raw=looks)
    mail = IncomingMail.objects.defer("transport_headers").get()
    assert bytes(mail.raw) == looks
    assert stored(mail).startswith(packing.MARK)
