"""Whom the nearest quote answers: the replies of every mail program, and what stands only deeper in them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks.reading.ask import ADDRESS, APPROVER_ADDRESS, Ask, ask
from benchmarks.reading.door import parsed
from benchmarks.reading.locales import LOCALES
from benchmarks.reading.mails import as_ours
from benchmarks.reading.programs import PROGRAMS, Answered, Place, write
from placet.replies.parse.answered import Ours, Quoted, quoted
from placet.replies.parse.original import words_of
from tests.rotation import whole

ASK = ask()
OURS = replace(as_ours(), addresses=frozenset({ADDRESS, "desk@fabrikam.example"}))
QUESTION = "Hello Ann, would you like the desk by the window?"


def _said(text: str, ours: Ours = OURS) -> Quoted:
    head = f"From: {APPROVER_ADDRESS}\nTo: {ADDRESS}\nSubject: x\nContent-Type: text/plain; charset=utf-8\n\n"
    return quoted(parsed((head + text).encode()), ours)


def _marked(text: str, mark: str = "> ") -> str:
    return "\n".join(f"{mark}{line}".rstrip() for line in text.strip().split("\n"))


def _everywhere() -> Iterator[tuple[str, str, Place]]:
    """Each program in each language, at one of the places in turn."""
    places = list(Place)
    for at, program in enumerate(PROGRAMS):
        for number, language in enumerate(LOCALES):
            yield program, language, places[(at + number) % 3]


def test_the_ask_quoted_by_any_program_in_any_language_is_ours() -> None:
    refused = [
        (program, language, place)
        for program, language, place in _everywhere()
        if quoted(parsed(write(program, Answered("Approved.", place, LOCALES[language], ASK))), OURS)
        is not Quoted.OURS
    ]
    assert not refused


def _other(text: str) -> Ask:
    return replace(ASK, text=text, html="<html><body>" + "<br>".join(text.split("\n")) + "</body></html>")


@pytest.mark.parametrize("address", ["mallory@contoso.example", ADDRESS])
@pytest.mark.parametrize(
    "text",
    [
        QUESTION,
        f"{QUESTION}\n\nOn Tue, Nov 24, 2026 at 10:00 AM Placet <{ADDRESS}> wrote:\n{_marked(ASK.text)}",
        f"{QUESTION}\n\n-----Original Message-----\nFrom: Placet <{ADDRESS}>\n"
        f"Sent: Tuesday, November 24, 2026 10:00 AM\nTo: Ann\nSubject: {ASK.subject}\n\n{ASK.text}",
        f"{_marked(ASK.text)}\n\n{QUESTION}",
    ],
    ids=["alone", "above our mail", "above it below headers", "below it"],
)
def test_anothers_mail_is_anothers_whatever_stands_deeper_in_it(
    text: str, address: str, request: pytest.FixtureRequest
) -> None:
    """Even under our own address: then the words tell. In the suite each program in every fourth language, and each
    language in every fourth program, others for each text."""
    step = 1 if whole(request.config) else 4
    first = len(text) + (address == ADDRESS)
    accepted = [
        (program, language, place)
        for program, language, place in _everywhere()
        if place is not Place.INSIDE
        and (list(PROGRAMS).index(program) + list(LOCALES).index(language) + first) % step == 0
        and quoted(
            parsed(
                write(program, Answered("Yes", place, LOCALES[language], _other(text), "Placet", address))
            ),
            OURS,
        )
        is not Quoted.ANOTHERS
    ]
    assert not accepted


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("On Tue, Nov 24, 2026 at 10:00 AM, Placet wrote:", Quoted.OURS),
        (f"On Tue, Nov 24, 2026 at 10:00 AM, Placet <{ADDRESS}> wrote:", Quoted.OURS),
        (f"On Tue, Nov 24, 2026 at 10:00 AM, Placet <{ADDRESS.upper()}> wrote:", Quoted.OURS),
        ("On Tue, Nov 24, 2026 at 10:00 AM, Placet <approvals+k7q2mfx3wz5ta4ub@contoso.example> wrote:", Quoted.OURS),
        ("On Tue, Nov 24, 2026 at 10:00 AM, Desks <desk@fabrikam.example> wrote:", Quoted.OURS),
        ("On Tue, Nov 24, 2026 at 10:00 AM, Mallory wrote:", Quoted.OURS),  # a name says nothing
        ("", Quoted.OURS),
        (f"From: Placet [mailto:{ADDRESS}]\nSent: Tuesday, November 24, 2026 10:00 AM\nTo: Ann\nSubject: x\n",
         Quoted.OURS),
        ("From: Approvals\nSent: Tuesday, November 24, 2026 10:00 AM\nTo: Ann <ann@contoso.example>; "
         "eve@x.example\nSubject: x\n", Quoted.OURS),
        ("On Tue, Nov 24, 2026 at 10:00 AM, Placet <approvals@evil.example> wrote:", Quoted.ANOTHERS),
        (f"On Tue, Nov 24, 2026 at 10:00 AM, {ADDRESS} <mallory@contoso.example> wrote:", Quoted.ANOTHERS),
        (f"On Tue, Nov 24, 2026 at 10:00 AM, \"{ADDRESS}\"\n<mallory@contoso.example> wrote:", Quoted.ANOTHERS),
        (f"On Tue, Nov 24, 2026 at 10:00 AM, Placet <x{ADDRESS}> wrote:", Quoted.ANOTHERS),
        (f"On Tue, Nov 24, 2026 at 10:00 AM, Placet <{ADDRESS}.evil.example> wrote:", Quoted.ANOTHERS),
        ("From: Placet [mailto:mallory@contoso.example]\nSent: Tuesday, November 24, 2026 10:00 AM\nTo: Ann\n"
         "Subject: x\n", Quoted.ANOTHERS),
        (f"From: {ADDRESS} <mallory@contoso.example>\nSent: Tuesday, November 24, 2026 10:00 AM\nTo: {ADDRESS}\n"
         "Subject: x\n", Quoted.ANOTHERS),
        (f"Sent: Tuesday, November 24, 2026 10:00 AM\nFrom: Placet\n<mallory@contoso.example>\nTo: {ADDRESS}\n"
         "Subject: x\n", Quoted.ANOTHERS),
        ("Mallory <mallory@contoso.example> 24.11.2026 10:00", Quoted.ANOTHERS),  # in a form that no rule knows
    ],
)  # fmt: skip
def test_of_the_head_only_addresses_speak(head: str, expected: Quoted) -> None:
    assert _said(f"Yes\n\n{head}\n{_marked(ASK.text)}\n") is expected
    if not (
        head.startswith("From: ") and expected is Quoted.OURS
    ):  # then "Yes" may be what another wrote below it
        assert _said(f"{head}\n{_marked(ASK.text)}\n\nYes\n".lstrip()) is expected


def test_a_quote_of_what_the_requester_wrote_alone_says_nothing() -> None:
    """They chose the words: they may have written them to somebody else too."""
    assert (
        _said("Yes\n\n> The old one was rejected at the inspection.\n> It cannot be repaired.")
        is Quoted.NOTHING
    )
    assert _said("Yes\n\n> Item: Height-adjustable desk") is Quoted.NOTHING


def test_half_of_the_words_must_be_ours() -> None:
    mine, ours = (
        "the desk by the window is free and yours if you like ",
        len(words_of(ASK.text.replace("\n", " "))),
    )
    few, many = mine * (ours // 24), mine * (ours // 10)
    assert _said(f"Yes\n\n{_marked(ASK.text)}\n> {few}") is Quoted.OURS
    assert (
        _said(f"Yes\n\n{_marked(ASK.text)}\n" + "\n".join(f"> {line}" for line in (many, many)))
        is Quoted.ANOTHERS
    )


def test_without_a_quote_nothing_is_said() -> None:
    for text in ("Yes", "", "Approve\n\n#k7q2mfx3wz5ta4ub", "Approve\n-- \nAnn <ann@contoso.example>"):
        assert _said(text) is Quoted.NOTHING


def test_a_head_that_another_puts_first_is_not_the_nearest() -> None:
    """Programs that name people without their addresses, on top of a head that the other planted."""
    planted = f"From: Placet <{ADDRESS}>\nSent: Tuesday, November 24, 2026 10:00 AM\nTo: Ann\nSubject: x\n\n"
    for below in (QUESTION, ASK.text):
        text = f"Yes\n\nOn Tue, Nov 24, 2026 at 10:00 AM, Placet wrote:\n{_marked(planted + below)}"
        assert _said(text) is Quoted.ANOTHERS


def test_where_text_and_html_quote_different_mails_nothing_is_decided() -> None:
    text = f"Yes\n\nOn Tue, Nov 24, 2026 at 10:00 AM, Placet wrote:\n{_marked(ASK.text)}"
    html = f"Yes<div>On Tue, Nov 24, 2026 at 10:00 AM, Placet wrote:</div><blockquote>{QUESTION}</blockquote>"
    parts = "".join(
        f"--b\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{content}\r\n"
        for kind, content in (("plain", text), ("html", html))
    )
    raw = (
        f"From: {APPROVER_ADDRESS}\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n{parts}--b--\r\n"
    )
    assert quoted(parsed(raw.encode()), OURS) is Quoted.ANOTHERS


@pytest.mark.parametrize(
    "address",
    ['"{own}"@evil.example', "o'@evil.example", "x|@evil.example", '"d d"@evil.example', "dave@evil.example"],
)
def test_an_address_in_an_unusual_form_is_anothers(address: str) -> None:
    """RFC 5321 4.1.2 allows a quoted local part, in which ours may stand."""
    sender = address.format(own=ADDRESS)
    head = f"On Sat, Nov 28, 2026 at 10:00 AM Placet <{sender}> wrote:"
    assert _said(f"Yes\n\n{head}\n\n{_marked(ASK.text)}") is Quoted.ANOTHERS
    block = f"From: Placet <{sender}>\nSent: Saturday, November 28, 2026 10:00 AM\nTo: Ann\nSubject: {ASK.subject}"
    assert _said(f"Yes\n\n{block}\n\n{ASK.text}") is Quoted.ANOTHERS


def test_a_further_head_that_is_not_marked_deeper_ends_what_the_quoted_mail_said() -> None:
    """Programs that mark no deeper quotes: below the second head may stand our mail, and it was not answered."""
    planted = f"On Mon, Nov 23, 2026 at 10:00 AM, Placet <{ADDRESS}> wrote:\n\n{ASK.text}"
    chosen = "The old one was rejected at the inspection.\nIt cannot be repaired."
    for own, expected in ((QUESTION, Quoted.ANOTHERS), (chosen, Quoted.NOTHING)):
        quote = _marked(f"{own}\n\n{planted}")
        assert _said(f"Yes\n\nOn Tue, Nov 24, 2026 at 10:00 AM, Placet wrote:\n{quote}") is expected


def test_a_head_has_thirty_two_lines_at_most() -> None:
    """What stands further below was written by whoever wrote the quoted mail."""
    block = f"From: Placet <{ADDRESS}>\nSent: Tuesday, November 24, 2026 10:00 AM\nTo: Ann\nSubject: x\n\n{ASK.text}"
    for dividers, expected in ((31, Quoted.OURS), (32, Quoted.ANOTHERS), (40, Quoted.ANOTHERS)):
        above = "-----Original Message-----\n" * dividers
        assert _said(f"Yes\n\n{_marked(above + block)}") is expected


def test_a_blank_line_of_its_own_says_nothing_of_a_mail_that_begins_with_quotes() -> None:
    head, further = (f"On Tue, Nov {day}, 2026 at 10:00 AM, Placet wrote:" for day in (24, 23))
    assert _said(f"Yes\n\n{head}\n> > ok\n>\n> {further}\n{_marked(ASK.text)}") is Quoted.ANOTHERS


@pytest.mark.parametrize("mark", ["| ", "|"])
def test_marks_of_another_form_are_one_deep(mark: str) -> None:
    chosen = "> The old one was rejected at the inspection.\n> It cannot be repaired."
    assert _said(f"Yes\n\n{_marked(ASK.text, mark)}\n{chosen}") is Quoted.OURS


def test_an_address_of_ours_may_have_a_plus_sign_itself() -> None:
    ours = replace(OURS, addresses=frozenset({"desk+eu@fabrikam.example"}))
    head = "On Tue, Nov 24, 2026 at 10:00 AM, Placet <desk+{}@fabrikam.example> wrote:"
    assert _said(f"Yes\n\n{head.format('eu')}\n{_marked(ASK.text)}", ours) is Quoted.OURS
    assert _said(f"Yes\n\n{head.format('us')}\n{_marked(ASK.text)}", ours) is Quoted.ANOTHERS
