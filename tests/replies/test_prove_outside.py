"""The proof from outside, one rule at a time: a mail that passes, and that mail with one thing otherwise."""

from datetime import UTC, datetime, timedelta

import pytest

from placet.mailboxes.base import Folder, Received
from placet.replies import refusals
from placet.replies.parse import Mail, OwnMail, limits, parse
from placet.replies.prove_outside import CLOCKS, Servers, Stamped, proved_outside

ASKED = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
NOW = ASKED + timedelta(hours=1)
SERVERS = Servers(None, ["mx.contoso.example"], ["192.0.2.0/24"], "mx.contoso.example")
PLACES = ("subject",)


def stamp(then: timedelta) -> int:
    """Seconds in a signature, counted from the moment of the ask."""
    return int((ASKED + then).timestamp())


RESULTS = "mx.contoso.example; dmarc=pass header.from=fabrikam.example; dkim=pass header.d=fabrikam.example"
SIGNATURE = "v=1; a=rsa-sha256; d=fabrikam.example; s=k1; h=from:subject:date:content-type; b=abcdefghij"
ENTRANCE = "from mail.fabrikam.example (mail.fabrikam.example [203.0.113.7]) by mx.contoso.example; Tue"
DATE = "Tue, 3 Nov 2026 12:30:00 +0000"
#: That our server's relay wrote, above what came from outside.
RELAY = "from mx.contoso.example (mx.contoso.example [192.0.2.9]) by in.mx.contoso.example; Tue"


def mail(
    *,
    results: str = RESULTS,
    signatures: tuple[str, ...] = (SIGNATURE,),
    received: tuple[str, ...] = (RELAY, ENTRANCE),
    date: str = DATE,
    below: str = "",
    content_type: str = "text/plain",
    body: str = "Approve",
) -> Mail:
    hops = [f"Received: {value}" for value in received]
    stamps = [f"Authentication-Results: {results}"] if results else []
    lines = [
        *hops[:-1], *stamps, *hops[-1:], *([below] if below else []),
        *(f"DKIM-Signature: {value}" for value in signatures), "From: ann@fabrikam.example",
        "To: approvals@contoso.example", "Subject: Re: Desk", *([f"Date: {date}"] if date else []),
        f"Content-Type: {content_type}",
    ]  # fmt: skip
    head = "\r\n".join(lines)
    raw = f"{head}\r\n\r\n{body}\r\n".encode()
    return parse(
        Received("1", Folder.INBOX, raw, head, "IPM.Note", NOW, len(raw)),
        OwnMail("approvals@contoso.example", ""),
    )


def proved(one: Mail, servers: Servers = SERVERS, places: tuple[str, ...] = PLACES) -> Stamped:
    return proved_outside(one, "fabrikam.example", servers, ASKED, NOW, places)


def refused(one: Mail, servers: Servers = SERVERS, places: tuple[str, ...] = PLACES) -> str:
    with pytest.raises(refusals.Unproved) as caught:
        proved(one, servers, places)
    return str(caught.value.reason)


def signed(**tags: object) -> tuple[str, ...]:
    """One signature with these tags otherwise; None leaves one out."""
    own: dict[str, object] = {}
    for one in SIGNATURE.split(";"):
        name, _, value = one.strip().partition("=")
        own[name] = value
    return ("; ".join(f"{name}={value}" for name, value in (own | tags).items() if value is not None),)


def test_the_mail_that_the_others_differ_from_is_proved() -> None:
    assert proved(mail()) == Stamped(
        "mx.contoso.example", "fabrikam.example", "mx.contoso.example", "content-type date from subject"
    )


# --- what our server found ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "why"),
    [
        (RESULTS.replace("dmarc=pass", "dmarc=fail"), "DMARC must be one pass"),
        (RESULTS.replace("dmarc=pass header.from=fabrikam.example; ", ""), "DMARC must be one pass"),
        (RESULTS + "; dmarc=pass header.from=fabrikam.example", "DMARC must be one pass"),
        (RESULTS + "; dmarc=fail header.from=fabrikam.example", "DMARC must be one pass"),
        (RESULTS.replace("header.from=fabrikam", "header.from=contoso"), "another domain"),
        (RESULTS.replace("dkim=pass", "dkim=fail"), "must pass"),
        (RESULTS.replace("header.d=fabrikam", "header.d=contoso"), "must pass"),
        (RESULTS + "; dkim=fail header.d=fabrikam.example", "must pass"),
        (
            RESULTS.replace("mx.contoso", "mx.fabrikam"),
            "is by mx.fabrikam.example, not by mx.contoso.example",
        ),
    ],
)
def test_what_our_server_found_must_be_this(results: str, why: str) -> None:
    assert why in refused(mail(results=results))


def test_without_a_word_of_our_server_nothing_is_proved() -> None:
    assert "No server checked it" in refused(mail(results=""))


def test_another_domains_signature_that_failed_is_no_matter() -> None:
    assert proved(mail(results=RESULTS + "; dkim=fail header.d=list.example"))


def test_without_the_name_of_our_server_nothing_is_proved() -> None:
    assert "authserv-id" in refused(mail(), Servers(None, SERVERS.host_suffixes, SERVERS.networks, ""))


# --- our servers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("received", "why"),
    [
        ((), "took the mail in: they name no host but ours."),
        ((RELAY,), "took the mail in: they name no host but ours."),  # the mail came in nowhere
        (
            (RELAY.replace("by in.mx.contoso", "by in.mx.fabrikam"), ENTRANCE),
            "“in.mx.fabrikam.example” is no server of ours",
        ),
        (
            (ENTRANCE.replace("by mx.contoso", "by mx.fabrikam"),),
            "“mx.fabrikam.example” is no server of ours",
        ),
        (
            (RELAY, "by mx.contoso.example (Postfix, from userid 33); Tue", ENTRANCE),
            "“mx.contoso.example” does not say what host it came from",
        ),
        # A host that calls itself ours, with an address that is none of ours: the mail came in there, and the stamp
        # below was there before.
        ((RELAY.replace("192.0.2.9", "203.0.113.9"), ENTRANCE), "was there before our server"),
        ((RELAY.replace(" (mx.contoso.example [192.0.2.9])", ""), ENTRANCE), "was there before our server"),
        (
            (RELAY.replace("[192.0.2.9]", "[192.0.2.9]) (HELO 203.0.113.9"), ENTRANCE),
            "was there before our server",
        ),
    ],
)
def test_a_hop_is_ours_by_its_address_alone(received: tuple[str, ...], why: str) -> None:
    assert why in refused(mail(received=received))


def test_a_name_ends_where_a_label_ends() -> None:
    assert "do not show" in refused(mail(received=(ENTRANCE.replace("by mx.contoso", "by evilmx.contoso"),)))
    assert proved(mail(received=(ENTRANCE.replace("by mx.contoso", "by a.mx.contoso"),)))


@pytest.mark.parametrize(
    "suffixes", [[" .MX.Contoso.Example. "], ["other.example", "mx.contoso.example"], ["contoso.example", ""]]
)
def test_the_names_of_our_servers_are_as_somebody_wrote_them(suffixes: list[str]) -> None:
    assert proved(mail(), Servers(None, suffixes, SERVERS.networks, SERVERS.authserv_id))


# --- what the domain signed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({"h": "subject:date:content-type"}, "does not cover From"),
        ({"h": "from:date:content-type"}, "does not cover Subject"),
        ({"h": "from:subject:content-type"}, "does not cover Date"),
        ({"l": "100"}, "a part of the text only"),
        ({"x": stamp(timedelta(hours=1) - CLOCKS) - 1}, "had expired"),
        ({"t": stamp(-CLOCKS) - 1}, "before we asked"),
        ({"t": "soon"}, "cannot be read"),
        ({"x": "-1"}, "cannot be read"),
        ({"l!": "1"}, "cannot be read"),
        ({"x": "9" * 20}, "cannot be read"),
    ],
)
def test_a_signature_must_cover_what_decides_and_be_of_now(tags: dict[str, object], why: str) -> None:
    assert why in refused(mail(signatures=signed(**tags)))


@pytest.mark.parametrize("made", [None, stamp(-CLOCKS), stamp(timedelta())])
@pytest.mark.parametrize("until", [None, stamp(timedelta(hours=1) - CLOCKS), stamp(timedelta(days=1))])
def test_up_to_the_limit_it_is(made: int | None, until: int | None) -> None:
    assert proved(mail(signatures=signed(t=made, x=until)))


@pytest.mark.parametrize(
    "broken", ["nonsense", "v=1; nonsense; d=fabrikam.example", SIGNATURE + "; d=x.example", "!=1"]
)
def test_a_signature_that_cannot_be_read_proves_nothing(broken: str) -> None:
    assert "cannot be read" in refused(mail(signatures=(broken,)))


def test_a_signature_under_a_malformed_name_proves_nothing() -> None:
    assert "cannot be read" in refused(mail(signatures=(), below=f"DKIM-Signature : {SIGNATURE}"))


def test_a_signature_too_long_to_be_one_proves_nothing() -> None:
    most = f"{SIGNATURE}{'x' * (limits.ONE_HEADER - len(SIGNATURE))}"
    assert proved(mail(signatures=(most,)))
    assert "cannot be read" in refused(mail(signatures=(f"{most}x",)))


def test_a_value_may_hold_equals_signs() -> None:
    assert proved(mail(signatures=signed(b="abcdefghij==")))


def test_what_it_says_is_read_without_blanks_and_in_any_case() -> None:
    odd = " V=1; d = Fabrikam.Example. ; h=From : Subject :\r\n Date:Content-Type; s=K1; b=ABCDEFG\r\n hij;"
    (weak,) = signed(h="subject:date:content-type", b="weakweakweak", s="weak")
    for says in ("header.b=AbCdEfGhIj", "header.s=K1"):
        covered = proved(mail(results=f"{RESULTS} {says}", signatures=(weak, odd))).signed_headers
        assert covered == "content-type date from subject"


def test_another_domains_signature_needs_cover_nothing() -> None:
    (other,) = signed(d="list.example", h="x", l="1")
    assert proved(mail(signatures=(other, SIGNATURE)))


@pytest.mark.parametrize(
    ("says", "why"),
    [
        # Our server says which one it found good: the other one does not matter, whatever it lacks.
        ("header.b=abcdefgh", ""),
        ("header.b=ABCDEFGH", ""),
        ("header.s=k1", ""),
        ("header.b=abcdefgh header.s=k1", ""),
        ("", "does not cover From"),
        ("header.b=abcdefg", "does not cover From"),  # too short to say which
        ("header.b=zzzzzzzz", "does not cover From"),
        ("header.s=k9", "does not cover From"),
        ("header.b=abcdefgh header.s=k9", "does not cover From"),
        ("header.b=weakweakweak", "does not cover From"),
        ("header.s=weak", "does not cover From"),
    ],
)
def test_of_two_signatures_that_which_was_found_good_counts(says: str, why: str) -> None:
    (weak,) = signed(h="subject:date:content-type", b="weakweakweak", s="weak")
    one = mail(results=f"{RESULTS} {says}", signatures=(SIGNATURE, weak))
    if why:
        assert why in refused(one)
    else:
        assert proved(one)


def test_where_the_server_keeps_no_signature_its_word_counts() -> None:
    assert proved(mail(signatures=()))


# --- the time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("date", ["Tue, 3 Nov 2026 11:50:00 +0000", "Tue, 3 Nov 2026 12:50:00 +0100"])
def test_ten_minutes_are_what_clocks_may_differ_by(date: str) -> None:
    assert proved(mail(date=date))


@pytest.mark.parametrize("date", ["Tue, 3 Nov 2026 11:49:59 +0000", "Tue, 3 Nov 2026 12:49:59 +0100"])
def test_an_older_date_names_the_clock(date: str) -> None:
    with pytest.raises(refusals.TooOld) as caught:
        proved(mail(date=date))
    assert "2026-11-03 11:49 UTC" in str(caught.value.reason)
    assert "2026-11-03 12:00 UTC" in str(caught.value.reason)


@pytest.mark.parametrize("date", ["", "soon"])
def test_without_a_date_nothing_is_proved(date: str) -> None:
    assert "no Date" in refused(mail(date=date))


# --- what tells one text from another -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("covered", "places", "proves"),
    [
        ("", ("address",), False),
        (":to", ("address",), False),
        (":cc", ("address",), False),
        (":to:cc", ("address",), True),
        ("", ("address", "subject"), True),
        ("", ("text",), True),
    ],
)
def test_a_code_counts_where_it_is_signed(covered: str, places: tuple[str, ...], proves: bool) -> None:
    one = mail(signatures=signed(h=f"from:subject:date:content-type{covered}"))
    if proves:
        assert proved(one, places=places)
    else:
        assert "in To or Cc alone" in refused(one, places=places)


def test_where_nothing_is_signed_that_is_seen_no_code_in_an_address_counts() -> None:
    assert "in To or Cc alone" in refused(mail(signatures=()), places=("address",))


@pytest.mark.parametrize(
    ("covered", "body", "proves"),
    [
        (":content-type", "--b\nContent-Type: text/plain\n\nApprove", True),
        ("", "--b\nContent-Type: text/plain\n\nApprove", False),
        ("", "Approve", True),
    ],
)
def test_without_content_type_signed_the_text_must_be_what_it_looks_like(
    covered: str, body: str, proves: bool
) -> None:
    one = mail(signatures=signed(h=f"from:subject:date{covered}"), body=body)
    if proves:
        assert proved(one)
    else:
        assert "did not sign Content-Type" in refused(one)
