"""Whether a mail answers a mail of ours, and not what somebody else asked.

Whoever has seen an ask can ask something else and have the answers sent to us: under our subject, with the reply code,
in our thread. So before anything of an answer is read, one of three must be seen:

- its nearest quote is of our mail (`parse/answered.py`); one of another's mail ends it, whatever else speaks for it
- without such a quote: it answers, by the id in its headers and under our subject, a mail of ours that carried the code
- it is the mail that the links in ours prepare

A header counts only if the sender's proof covers it: of somebody outside, most servers sign neither In-Reply-To nor To.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.conf import settings

from placet.accounts.addresses import somebodys
from placet.approvals.form import letters
from placet.lib import clock
from placet.lib.sentences import Sentence
from placet.mail.models import OutgoingMail
from placet.replies import refusals
from placet.replies.languages.table import refusal_texts
from placet.replies.own_words import originals
from placet.replies.parse import Mail, OwnMail
from placet.replies.parse.answered import Ours, Quoted, quoted
from placet.replies.parse.original import words_of
from placet.replies.parse.subjects import answer_in_front, only_marks
from placet.replies.pick import IN_SUBJECT, Picked
from placet.replies.prove import Proof
from placet.replies.read_frame import frame
from placet.replies.read_vocabulary import Vocabulary

LONGEST_WAIT = timedelta(minutes=15)  # until Sent Items was read for the last time (`placet.mail.sent_items`)
COMPARED = 40  # letters of a title or subject; some mail programs shorten a subject


class NotKnownYet(Exception):
    """It answers a mail by an id that is not known, and Sent Items was not read yet for the ids of ours."""


def must_answer_us(
    mail: Mail, picked: Picked, own: OwnMail, known: Vocabulary, proof: Proof, *, kept_at: datetime
) -> None:
    """Raises NotNamed for what answers somebody else's mail, or none; NotKnownYet where that may still be seen, for a
    mail that was kept not long ago."""
    ours = picked.ours
    is_young = kept_at > clock.now() - LONGEST_WAIT
    may_be_seen = is_young and any(sent.lookup_due is not None and sent.created_at < kept_at for sent in ours)
    match quoted(mail, _ours(picked, own)):
        case Quoted.ANOTHERS:
            if may_be_seen:
                raise NotKnownYet  # it may quote the address that the server gave ours
            raise refusals.NotNamed(Sentence("What it quotes is not our mail."))
        case Quoted.OURS:
            return
    by_headers = _covers_parents(mail, proof)
    if (by_headers and _answers_one_of(mail, ours)) or _is_prepared(mail, picked, ours, known, proof):
        return
    if by_headers and _parents(mail) and may_be_seen:
        raise NotKnownYet
    if _answers_one_of(mail, ours):
        raise refusals.NotNamed(
            Sentence(
                "It does not quote our mail. Its headers say that it answers ours, but the domain of the sender did "
                "not sign them."
            )
        )
    raise refusals.NotNamed(
        Sentence(
            "It does not quote our mail, does not answer it by its headers, and is not as our links prepare it."
        )
    )


def _ours(picked: Picked, own: OwnMail) -> Ours:
    ours = picked.ours
    requests = [line.assignment.visit.request for line in picked.lines or (picked.line,)]
    others = [one for one in (picked.line.asks_back, picked.line.clarified) if one is not None]
    written = [text for one in others for text in (one.question, one.answer)]
    server_addresses = {sent.server_address for sent in ours if sent.server_address}
    # What a person writes is never ours, whatever stands in Sent Items.
    server_addresses -= somebodys(server_addresses)
    return Ours(
        originals(ours),
        chosen=frozenset(
            words_of(
                " ".join([*(text for one in requests for text in (one.title, *_texts(one.data))), *written])
            )
        ),
        addresses=frozenset(
            (
                *own.addresses,
                *server_addresses,
                *(id_.strip("<>").lower() for sent in ours for id_ in sent.message_ids),
            )
        ),
        answerers=picked.addresses,
    )


def _texts(value: object) -> Iterator[str]:
    """All texts of a form as it is stored."""
    match value:
        case str():
            yield value
        case dict():
            for one in value.values():
                yield from _texts(one)
        case list():
            for one in value:
                yield from _texts(one)


def _parents(mail: Mail) -> tuple[str, ...]:
    """The ids of the mail that this one answers: References ends with it, below all of the thread (RFC 5322 3.6.4)."""
    return mail.in_reply_to or mail.references[-1:]


def _covers_parents(mail: Mail, proof: Proof) -> bool:
    """Whether nobody but the sender can have written the ids that `_parents` goes by."""
    return proof.covers("in-reply-to") and (bool(mail.in_reply_to) or proof.covers("references"))


def _answers_one_of(mail: Mail, ours: Sequence[OutgoingMail]) -> bool:
    """By its headers, and under our subject: somebody may have given their mail the id of one of ours, but then the
    person who answers sees what it is about."""
    parents = {f"<{message_id}>" for message_id in _parents(mail)}
    return any(not parents.isdisjoint(sent.message_ids) and _is_about(mail, sent.subject) for sent in ours)


def _is_about(mail: Mail, subject: str) -> bool:
    """Whether the subject ends with this one, or with the beginning of it. Mail programs fold, shorten and re-encode
    what stands between letters. In front stand their marks, or, where the mail has no text, its answer: other words
    there may be what somebody asked."""
    whole = letters(IN_SUBJECT.sub(" ", subject))
    written = IN_SUBJECT.sub(" ", mail.subject)
    own = letters(written)
    start = own.rfind(whole[:COMPARED]) if whole else -1
    if start < 0 or not whole.startswith(own[start:]):
        return False
    front = _front(written, start)
    return only_marks(front) or (not mail.new_text.strip() and answer_in_front(front))


def _front(subject: str, start: int) -> str:
    """What stands in a subject before its letter number `start`, with the signs behind it."""
    behind = bisect_right(range(len(subject)), start, key=lambda at: len(letters(subject[: at + 1])))
    return subject[:behind]


def _is_prepared(
    mail: Mail, picked: Picked, ours: Sequence[OutgoingMail], known: Vocabulary, proof: Proof
) -> bool:
    """Whether it is the mail that our links open: our subject with its code, the code in a line of the text, and no
    mail that it answers. Links from before that line: the code in the address, and no text but the answer's word."""
    title = letters(
        f"Re: {picked.line.assignment.visit.request.title}"
    )  # the links of a mail that asks again
    about = any(_is_about(mail, sent.subject) for sent in ours)
    about = about or (not picked.is_digest and letters(IN_SUBJECT.sub(" ", mail.subject)) == title)
    if "subject" not in picked.places or not about or _parents(mail):
        return False
    if "text" in picked.places:
        return True
    if not (proof.covers("to") and _covers_parents(mail, proof)):
        return False
    answer = mail.new_text[: frame(mail.new_text, known).end].strip()
    return "address" in picked.places and answer in _prepared_words()


def _prepared_words() -> frozenset[str]:
    """What links write as an answer, in every language."""
    said = refusal_texts(settings.PLACET.words_dir).values()
    return frozenset(word for texts in said for word in (texts.approve, texts.reject) if word)
