"""Answers written in the sandbox's web mail, as people's own mail programs would write them."""

from urllib.parse import unquote

import pytest

from placet.approvals.models import Decision
from placet.mail.models import IncomingMail
from placet.sandbox.programs import PROGRAMS
from tests.journeys.conftest import World
from tests.journeys.letters import INTERNAL, answer
from tests.sandbox.browser import Browser

BOTH_WAYS = True

pytestmark = pytest.mark.django_db

STORY = "fine, go ahead, but watch the budget"
TWO_LINES = "approve\n\nPlease order two.\nFrom the usual shop."


def _written(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("typed", "outcome", "comment"),
    [
        (STORY, "approve", STORY),
        (TWO_LINES, "approve", "Please order two. From the usual shop."),
        ("no\n\nToo dear.", "reject", "Too dear."),
    ],
    ids=["the story", "two lines", "no"],
)
def test_an_answer_counts_with_exactly_what_was_typed(
    program: str, typed: str, outcome: str, comment: str, world: World
) -> None:
    _, asked = world.asked()
    Browser(world.sandbox, "bob").reply(asked.id, typed, program=program)
    world.run()
    decision = Decision.objects.get()
    assert (decision.outcome, _written(decision.comment)) == (outcome, comment)


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_empty_reply_takes_nothing_from_the_quote(program: str, world: World) -> None:
    """The quoted mail says how to approve and how to reject."""
    _, asked = world.asked()
    Browser(world.sandbox, "bob").reply(asked.id, "", program=program)
    world.run()
    assert world.decisions() == []


def test_the_approve_button_of_a_mail_opens_a_mail_that_decides(world: World) -> None:
    _, asked = world.asked()
    bob = Browser(world.sandbox, "bob")
    frame = bob.get("html", id=asked.id).text
    link = next(part for part in frame.split('"') if part.startswith("/mail/") and "body%3DApprove" in part)
    form = bob.send("GET", link)
    assert form.status == 200
    query = link.partition("?mailto=")[2]
    fields = bob.prefilled("new", mailto=unquote(query))
    bob.send_mail(fields)
    world.run()
    assert world.decisions() == [("Bob", "approve")]


def test_a_stranger_decides_nothing_in_bobs_name(world: World) -> None:
    _, asked = world.asked()
    bob = Browser(world.sandbox, "bob")
    for check in ("fail", "none", "pass"):
        fields = bob.prefilled("stranger", id=asked.id) | {"check": check}
        del fields["csrf"]
        bob.submit("stranger", **fields)
    world.run()
    assert world.results() == ["not_proved"] * 3
    assert world.decisions() == []
    bob.reply(asked.id, "reject")
    world.run()
    assert world.decisions() == [("Bob", "reject")]


def test_a_request_handed_on_to_a_stranger_is_not_theirs_to_decide(world: World) -> None:
    world.sandbox.add_mailbox("mallory@stranger.example", "Mallory", outside=True)
    _, asked = world.asked()
    bob, mallory = (Browser(world.sandbox, name) for name in ("bob", "mallory@stranger.example"))
    bob.reply(asked.id, "What do you say?", how="forward", to="mallory@stranger.example")
    forwarded = world.newest("mallory@stranger.example")
    address = asked.header("Reply-To")
    assert address is not None
    mallory.reply(forwarded.id, "approve", to=address)
    world.run_until_quiet()
    assert world.decisions() == []
    assert len(world.sandbox.mails("mallory@stranger.example")) == 1, "a stranger gets no answer"
    bob.reply(asked.id, "approve")
    world.run()
    assert world.decisions() == [("Bob", "approve")]


def test_an_automatic_reply_from_the_web_mail_decides_nothing(world: World) -> None:
    """Of a server that does not heed that our mails ask for none."""
    Browser(world.sandbox, "bob").submit("out-of-office", on="on", all="on", text="Yes, approved. I am away.")
    world.asked()
    world.run_until_quiet()
    assert world.results() == ["automatic_reply"]
    assert world.decisions() == []


def test_a_reply_with_a_file_is_kept_whole(world: World) -> None:
    _, asked = world.asked()
    bob = Browser(world.sandbox, "bob")
    fields = bob.prefilled("write", how="reply", id=asked.id) | {"text": "approve"}
    bob.send_mail(fields, file=("offer.pdf", "application/pdf", b"%PDF-1.7 \x00\xff"))
    world.run()
    assert world.decisions() == [("Bob", "approve")]
    assert b"offer.pdf" in IncomingMail.objects.get().raw


# What the requester writes as reason, what Bob answers, and what that decides.
FORESEEN = (
    ("Only if legal agrees.", "Approved.\nOnly if legal agrees.", ""),
    ("I do not", "I do not\napprove this.", "reject"),
    ("I reject this.", "I reject this.", "reject"),
)


def test_what_the_requester_foresaw_takes_no_word_from_an_answer(world: World) -> None:
    bob = Browser(world.sandbox, "bob")
    expected = {}
    for program in PROGRAMS:
        for reason, typed, outcome in FORESEEN:
            request = world.request(reason=reason)
            world.send()
            bob.reply(world.newest("bob", "Please decide").id, typed, program=program)
            expected[request.pk] = outcome
    world.run_until_quiet()
    assert outcomes_by_request(expected) == expected


def test_nor_from_one_below_or_inside_a_quote_without_marks(world: World) -> None:
    """As Outlook quotes: a block of headers, and nothing in front of the lines."""
    expected = {}
    for reason, typed, outcome in FORESEEN:
        for inside in (False, True):
            request = world.request(reason=reason)
            world.send()
            asked = world.newest("bob", "Please decide")
            ours = asked.text.strip().splitlines()
            at = next(at for at, line in enumerate(ours) if line.startswith("Why?")) if inside else len(ours)
            quote = "\n".join([*ours[:at], "", typed, "", *ours[at:]])
            head = (
                "From: Placet <approvals@contoso.example>\nSent: Tuesday, November 24, 2026 10:00 AM\n"
                f"To: Bob Bobson <bob@contoso.example>\nSubject: {asked.subject}\n"
            )
            text = f"\n{head}\n{quote}\n"
            world.sandbox.place(
                "approvals", answer(asked, "bob@contoso.example", text=text, headers=INTERNAL)
            )
            expected[request.pk] = outcome
    world.run_until_quiet()
    found = outcomes_by_request(expected)
    assert found == expected


def outcomes_by_request(asked: dict[int, str]) -> dict[int, str]:
    """What each was decided, "" where it was not."""
    decided = Decision.objects.values_list("assignment__visit__request_id", "outcome")
    return {**dict.fromkeys(asked, ""), **dict(decided)}
