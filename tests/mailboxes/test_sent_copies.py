"""How far Sent Items is read for our mails, and which of its copies is whose."""

from collections.abc import Iterable, Iterator, Sequence

from placet.mailboxes import sent_copies
from placet.mailboxes.base import Folder, MailError, Received, Seen, SentMail
from placet.mailboxes.sent_copies import Copy, copies_of

PAGE = 500


def pages(read: list[int], subject: str = "Other") -> Iterator[Sequence[Copy]]:
    """Sent Items without an end, and how many pages of it were read."""
    while True:
        read.append(len(read))
        yield [Copy(Seen(f"{len(read)}-{at}", Folder.INBOX), subject, f"<{at}@x>") for at in range(PAGE)]


def nothing(seen: Sequence[Seen]) -> Iterable[Received | tuple[Seen, MailError]]:
    assert not list(seen)
    return ()


def test_a_mail_that_is_not_there_ends_the_look_all_the_same() -> None:
    read: list[int] = []
    assert copies_of([SentMail("r", "<ours@x>", "Ask")], pages(read), nothing) == {}
    assert len(read) == sent_copies.MOST_LISTED / PAGE


def test_one_that_is_there_ends_it_at_once() -> None:
    read: list[int] = []
    copies = copies_of([SentMail("r", "<7@x>", "Ask")], pages(read), nothing)
    assert copies["r"].seen.server_id == "1-7"
    assert len(read) == 1


def test_blanks_of_subjects_are_folded() -> None:
    listed = [[Copy(Seen("1", Folder.INBOX), "Ask  for\ta desk", "<other@x>")]]
    copies = copies_of([SentMail("r", "<ours@x>", "Ask for a  desk")], iter(listed), nothing)
    assert copies["r"].message_id == "<other@x>"


def test_a_copy_without_an_id_is_none() -> None:
    listed = [[Copy(Seen("1", Folder.INBOX), "Ask", "")]]
    assert copies_of([SentMail("r", "<ours@x>", "Ask")], iter(listed), nothing) == {}
