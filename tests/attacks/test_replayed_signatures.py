"""A signed mail of the right person, sent again: as it was, or with what its domain did not sign changed."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.utils import format_datetime, parsedate_to_datetime

import pytest

from placet.mail.models import IncomingMail, OutgoingMail
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Attempt
from tests.attacks.forging import (
    OUTSIDE,
    PARTNER,
    SIGNED,
    SIGNED_BY_GMAIL,
    UNSOUND,
    Header,
    Letter,
    Signed,
    found_good,
    from_outside,
    lay,
    letter,
    long_ago,
    outside_world,
    quote_in_html,
)
from tests.journeys.conftest import World
from tests.journeys.letters import code_of, quote_of

EVERY_KIND = True

pytestmark = pytest.mark.django_db

Maker = Callable[[Mail, random.Random], Letter]


def sent(
    asked: Mail,
    signatures: Sequence[Signed],
    results: Header | None = None,
    body: bytes | None = None,
    **more: str,
) -> Letter:
    written = letter(asked, OUTSIDE, **more)
    return from_outside(replace(written, body=body or written.body), signatures=signatures, results=results)


def before_the_ask(asked: Mail, rng: random.Random) -> datetime:
    """Older than the ten minutes that clocks may differ by, whenever the forgery is made."""
    asked_at = parsedate_to_datetime(str(message_from_bytes(asked.mime)["Date"]))
    return asked_at - timedelta(
        seconds=rng.choice((660, 3_600, 86_400, 86_400 * 400)) + rng.randint(0, 1_000)
    )


# --- signed, and sent again -----------------------------------------------------------------------------------


def made_before_the_ask(asked: Mail, rng: random.Random) -> Letter:
    old = before_the_ask(asked, rng)
    date = format_datetime(old) if rng.random() < 0.5 else format_datetime(datetime.now(UTC))
    return sent(asked, [Signed(made_at=old)], Date=date)


def dated_before_the_ask(asked: Mail, rng: random.Random) -> Letter:
    """Without a time in the signature, or without a signature that the server keeps."""
    signatures = rng.choice(([], [Signed(made_at=None)], [Signed()]))
    return sent(asked, signatures, Date=format_datetime(before_the_ask(asked, rng)))


def without_a_date(asked: Mail, rng: random.Random) -> Letter:
    signatures = rng.choice(([], [Signed(made_at=None)]))
    if rng.random() < 0.5:
        return sent(asked, signatures).without("date")
    no_time = ("", "yesterday", "Sat, 28 Nov", "99999999999999", "Sat, 31 Feb 2026 10:00:00 +0000", "\x00")
    return sent(asked, signatures, Date=rng.choice(no_time))


def over(asked: Mail, rng: random.Random) -> Letter:
    return sent(asked, [Signed(good_until=before_the_ask(asked, rng))])


def partly_signed(asked: Mail, rng: random.Random) -> Letter:
    """From, Subject or Date may have been another one."""
    names = [name for name in SIGNED.split(":") if rng.random() < 0.6]
    left_out = rng.choice(("From", "Subject", "Date"))
    names = [name for name in names if name != left_out] or ["To"]
    return sent(asked, [Signed(headers=rng.choice((":", " : ", ":\r\n ")).join(names))])


def with_a_length(asked: Mail, rng: random.Random) -> Letter:
    """l=: what was added below is not signed, and can be all that is shown."""
    return sent(asked, [Signed(more=f"l={rng.choice((0, 1, 7, 4_000))}")])


def cannot_be_read(asked: Mail, rng: random.Random) -> Letter:
    bad = rng.choice(
        ("t=yesterday", "x=never", "h=from:subject:date", "d=other.example", "no tag", "=x", "t=1e9")
    )
    return sent(asked, [Signed(made_at=None, more=bad)])


def one_good_and_one_bad(asked: Mail, rng: random.Random) -> Letter:
    """Our server says that a signature of the domain passed, not which of the two."""
    bad = rng.choice(
        (
            Signed(made_at=before_the_ask(asked, rng)),
            Signed(headers="From:Date"),
            Signed(more="l=0"),
            Signed(good_until=before_the_ask(asked, rng)),
        )
    )
    both = [replace(bad, selector="old", value="BADBADBADBAD"), Signed(value=UNSOUND)]
    rng.shuffle(both)
    results = rng.choice(
        (
            None,
            found_good(dkim=f"dkim=pass header.d={PARTNER} header.s=old"),
            found_good(dkim=f"dkim=pass header.d={PARTNER} header.b=BADBADBA"),
            found_good(dkim=f"dkim=pass header.d={PARTNER} header.s=old header.b=BADBADBADB"),
            found_good(dkim=f"dkim=pass header.d={PARTNER} header.b=short"),
            found_good(dkim=f"dkim=pass header.d={PARTNER} header.s=another"),
            found_good(
                dkim=f"dkim=pass header.d={PARTNER} header.b=WXYHRzff; dkim=pass header.d={PARTNER} header.b=BADBADBAD"
            ),
        )
    )
    return sent(asked, both, results)


def to_another_address(asked: Mail, rng: random.Random) -> Letter:
    """A fresh "Yes" to somebody else: only To, which nobody signed, carries the code."""
    return sent(
        asked, [Signed(headers=rng.choice((SIGNED, f"{SIGNED}:To", f"{SIGNED}:Cc")))], Subject="Re: Lunch?"
    )


def answer_to_another_mail(asked: Mail, rng: random.Random) -> Letter:
    """An honest "Yes" to somebody's own mail under our subject, sent on with headers that name ours: they are not
    signed, so nothing of it shows."""
    signed = rng.choice((SIGNED, "From:Subject:Date", f"{SIGNED}:To:Cc:References", f"{SIGNED}:Reply-To"))
    return sent(
        asked,
        rng.choice(([Signed(headers=signed)], [])),
        body=rng.choice((b"Yes\r\n", b"Approved.\r\n\r\nBob\r\n")),
    )


def parents_taken_off(asked: Mail, rng: random.Random) -> Letter:
    """The same, made to look as if an old link of ours had opened it: no mail that it answers, the code in To."""
    signed = rng.choice((SIGNED, "From:Subject:Date", f"{SIGNED}:In-Reply-To:References", f"{SIGNED}:To:Cc"))
    written = sent(asked, rng.choice(([Signed(headers=signed)], [])), body=b"Approve\r\n")
    return written.without("in-reply-to", "references")


def last_of_the_thread(asked: Mail, rng: random.Random) -> Letter:
    """In-Reply-To taken off, so that References counts, which is not signed either."""
    signed = rng.choice((f"{SIGNED}:In-Reply-To", SIGNED, f"{SIGNED}:References"))
    return sent(asked, [Signed(headers=signed)], body=b"Yes\r\n").without("in-reply-to")


PLAIN = "Content-Type: text/plain; charset=utf-8\r\n\r\n"
HTML = "Content-Type: text/html; charset=utf-8\r\n\r\n"


def other_structure(asked: Mail, rng: random.Random) -> Letter:
    """Content-Type is not signed, and another one shows other text."""
    code = code_of(asked)
    quoted = f"> Why? --b\r\n\r\n--b\r\n{PLAIN}approve #{code}\r\n--b--\r\n"
    content_type, body = rng.choice(
        (
            (
                "multipart/alternative; boundary=b",
                f"--b\r\n{PLAIN}approve\r\n--b\r\n{HTML}<p>reject</p>\r\n--b--\r\n",
            ),
            (
                "multipart/alternative; boundary=b",
                f"--b\r\n{PLAIN}approve\r\n--b\r\n{HTML}<p>approve if legal agrees</p>\r\n--b--\r\n",
            ),
            (
                "multipart/alternative; boundary=b",
                f"--b\r\n{HTML}<p>approve</p>\r\n--b\r\n{PLAIN}no\r\n--b--\r\n",
            ),
            ("multipart/mixed; boundary=b", f"reject\r\n\r\n{quoted}"),
            ("multipart/mixed; boundary=b", f"--a\r\n{PLAIN}No.\r\n\r\n{quoted}\r\n--a--\r\n"),
            ("multipart/mixed; boundary=b", f"--b\r\n{PLAIN}approve\r\n--b--\r\n\r\nNo, rejected."),
            ("text/html; charset=utf-8", "> hello <br>approve<br><!--\r\n\r\nreject\r\n"),
            ("text/html; charset=utf-8", "reject <p style='display:none'>"),
            ("text/plain; charset=utf-8", f"approve\r\n\r\n--a\r\n{PLAIN}reject\r\n--a--\r\n"),
            ("text/plain; charset=hz", "approve\r\n~{reject~}"),
            ("text/plain; charset=utf-16", "\ufeffapprove".encode("utf-16-le").decode("latin-1")),
        )
    )
    unsigned = [Signed(headers=rng.choice((SIGNED_BY_GMAIL, "From:Subject:Date")))]
    signatures = rng.choice((unsigned, unsigned, []))
    return sent(asked, signatures, body=body.encode("latin-1", "replace"), Content_Type=content_type)


MAKERS: tuple[Maker, ...] = (
    made_before_the_ask,
    dated_before_the_ask,
    without_a_date,
    over,
    partly_signed,
    with_a_length,
    cannot_be_read,
    one_good_and_one_bad,
    to_another_address,
    answer_to_another_mail,
    parents_taken_off,
    last_of_the_thread,
    other_structure,
)


#: What Exchange may have stamped besides, and which proves nobody at a partner: a connector or a rule may let mails of
#: other servers pass as internal ones.
MARKS: Sequence[tuple[str, str]] = (
    ("Anonymous", ""),
    ("Internal", "10"),
    ("Internal", "04"),
    ("Internal", ""),
)
AUTH_AS, MECHANISM = "X-MS-Exchange-Organization-AuthAs", "X-MS-Exchange-Organization-AuthMechanism"


def marked(written: Letter, rng: random.Random, marks: Sequence[tuple[str, str]]) -> Letter:
    auth_as, mechanism = rng.choice(marks)
    made = written.changed(AUTH_AS.lower(), auth_as)
    return made.with_header(MECHANISM, mechanism, made.position(AUTH_AS.lower())) if mechanism else made


def forgeries(
    rng: random.Random, makers: Sequence[Maker] = MAKERS, marks: Sequence[tuple[str, str]] = MARKS
) -> Iterator[Attempt]:
    while True:
        make, seed = rng.choice(makers), rng.random()

        def forge(world: World, asked: Mail, make: Maker = make, seed: float = seed) -> None:
            chance = random.Random(seed)
            lay(world, marked(make(asked, chance), chance, marks))

        yield f"{make.__name__} ({seed})", forge


# --- like them, and genuine -----------------------------------------------------------------------------------


def fresh(asked: Mail, rng: random.Random) -> Letter:
    headers = rng.choice(
        (
            SIGNED,
            SIGNED_BY_GMAIL,
            SIGNED.upper(),
            "From : Subject : Date",
            f"{SIGNED}:To:Cc:From:Subject",
            "date:from:subject",
        )
    )
    made_at = rng.choice((datetime.now(UTC), None, long_ago(seconds=rng.randint(0, 500))))
    good_until = rng.choice((None, datetime.now(UTC) + timedelta(days=7)))
    return sent(
        asked,
        [
            Signed(
                headers=headers,
                made_at=made_at,
                good_until=good_until,
                more=rng.choice(("", "i=@partner.example", "q=dns/txt")),
            )
        ],
    )


def clocks(asked: Mail, rng: random.Random) -> Letter:
    """A clock that is some minutes slow, or hours fast; a zone of its own; a comment."""
    date = datetime.now(UTC) + timedelta(seconds=rng.choice((-590, -300, 0, 3_600, 40_000)))
    spelt = rng.choice(
        (
            format_datetime(date),
            format_datetime(date.astimezone()),
            f"{date:%d %b %Y %H:%M:%S} -0000",
            f"{date + timedelta(hours=5, minutes=30):%a, %d %b %Y %H:%M:%S} +0530 (IST)",
            f"{date:%a, %d %b %Y %H:%M:%S} GMT",
        )
    )
    return sent(asked, rng.choice(([Signed()], [Signed(made_at=None)], [])), Date=spelt)


def signed_twice(asked: Mail, rng: random.Random) -> Letter:
    """By a mailing service of any kind too, or with two keys."""
    service = Signed("mailer.example", "From:Date", made_at=None, more=rng.choice(("", "l=100")))
    second = Signed(selector="ed", value="SECONDSIGNATURE")
    both = rng.choice(
        ([Signed(), service], [service, Signed()], [Signed(), second], [second, service, Signed()])
    )
    which = rng.choice(
        (
            None,
            found_good(
                dkim=f"dkim=pass header.d={PARTNER} header.s=selector1; dkim=pass header.d=mailer.example"
            ),
        )
    )
    return sent(asked, both, which)


def named_by_the_server(asked: Mail, rng: random.Random) -> Letter:
    """A bad one stands beside it, and our server says that it was not this one that passed."""
    bad = Signed(made_at=before_the_ask(asked, rng), selector="old", value="BADBADBADBAD")
    both = [bad, Signed()]
    rng.shuffle(both)
    name = rng.choice(("header.s=selector1", "header.b=WXYHRzff", "header.s=selector1 header.b=WXYHRzffqy5f"))
    return sent(asked, both, found_good(dkim=f"dkim=pass header.d={PARTNER} {name}"))


def same_in_both(asked: Mail, rng: random.Random) -> Letter:
    """Content-Type is not signed; plain text and HTML say the same, as programs write them."""
    preamble = rng.choice(("", "This is a multi-part message in MIME format.\r\n"))
    plain, html = rng.choice(
        (
            ("approve", "<div dir=ltr>approve</div>"),
            ("Approved.\r\n\r\nhttps://contoso.example/x", "<p>Approved.</p>"),
            ("*Approved.*", "<b>Approved.</b>"),
        )
    )
    plain, html = plain + quote_of(asked), html + quote_in_html(asked)
    body = f"{preamble}--000b1\r\n{PLAIN}{plain}\r\n--000b1\r\n{HTML}{html}\r\n--000b1--\r\n"
    kind = 'multipart/alternative; boundary="000b1"'
    return sent(
        asked, rng.choice(([Signed(headers=SIGNED_BY_GMAIL)], [])), body=body.encode(), Content_Type=kind
    )


def one_part(asked: Mail, rng: random.Random) -> Letter:
    content_type, body = rng.choice(
        (
            ("text/plain; charset=utf-8", f"approve{quote_of(asked)}"),
            ("text/html; charset=utf-8", f"<html><body>approve{quote_in_html(asked)}</body></html>"),
            ("text/html", f"\r\n <div>approve</div>{quote_in_html(asked)}"),
            ("text/plain; charset=iso-8859-1; format=flowed", f"approve{quote_of(asked)}"),
            ("text/plain; charset=iso-2022-jp", f"approve{quote_of(asked)}"),
        )
    )
    signatures = rng.choice(([Signed(headers=SIGNED_BY_GMAIL)], []))
    return sent(asked, signatures, body=body.encode("utf-8"), Content_Type=content_type)


def in_the_thread(asked: Mail, rng: random.Random) -> Letter:
    """Nothing is quoted; the domain signed what says which mail it answers."""
    kind, body = rng.choice(
        (("text/plain", b"approve\r\n\r\n-- \r\nBob\r\n"), ("text/html", b"<p>approve</p>\r\n"))
    )
    written = sent(asked, [Signed(headers=SIGNED_BY_GMAIL)], body=body, Content_Type=kind)
    return written.without(*rng.choice(((), ("in-reply-to",), ("references",))))


GENUINE: tuple[Maker, ...] = (
    fresh,
    clocks,
    signed_twice,
    named_by_the_server,
    same_in_both,
    one_part,
    in_the_thread,
)


def test_what_was_signed_for_something_else_decides_nothing(arena: Arena) -> None:
    outside_world(arena)
    results = arena.refuses(forgeries(arena.rng), most=2 * arena.most)
    refused = {"not_proved", "too_old", "two_readings", "not_named", "mechanism_not_confirmed"}
    if arena.world.way == "exchange-server":  # whose addresses have no place for a code
        refused |= {"no_code"}
    assert set(results) <= refused, results
    arena.accepts(forgeries(arena.rng, GENUINE), most=max(20, arena.most // 5))


def test_a_clock_that_is_wrong_is_named_and_the_person_asked_hears_of_it_once(arena: Arena) -> None:
    outside_world(arena)
    arena.refuses(forgeries(arena.rng, [dated_before_the_ask], MARKS[:1]), most=20)
    kept = IncomingMail.objects.filter(result="too_old")
    assert kept.count() == 20
    assert all("clock" in mail.verdict["refusal"]["reason"] for mail in kept)
    assert OutgoingMail.objects.filter(kind="code-misused").count() == 1
