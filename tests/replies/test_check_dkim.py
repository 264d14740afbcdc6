"""Placet's own check of signatures: what holds, and all that dkimpy would take and that proves nothing here."""

import base64
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_django import Settings

from placet.lib import dns
from placet.mailboxes.base import Folder, Received
from placet.replies import check_dkim, refusals
from placet.replies.check_dkim import Checked, NoKeyYet, check, checked_of
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.prove_outside import proved_by_own_check
from tests.servers.dns import Records, serving
from tests.signing import HEADERS, Signer

DOMAIN = "fabrikam.example"
RSA = rsa.generate_private_key(65537, 2048)
SIGNER = Signer(DOMAIN, RSA)
ASKED = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
NOW = ASKED + timedelta(hours=1)
MAIL = (
    b"From: Ann <ann@fabrikam.example>\r\nTo: approvals@contoso.example\r\nSubject: Re: Desk  [k1]\r\n"
    b"Date: Tue, 3 Nov 2026 12:30:00 +0000\r\nContent-Type: text/plain\r\n\r\nApprove \t it.  \r\n\r\n\r\n"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Records]:
    with serving() as records:
        yield records


@pytest.fixture(autouse=True)
def records(server: Records, settings: Settings) -> Records:
    settings.PLACET = settings.PLACET.model_copy(update={"dns_servers": server.address})
    dns.forget()
    server.__dict__.update(Records().__dict__ | {"address": server.address})
    server.texts[SIGNER.name] = (SIGNER.record(),)
    return server


def read(raw: bytes) -> Mail:
    return parse(
        Received("1", Folder.INBOX, raw, "", "", NOW, len(raw)), OwnMail("approvals@contoso.example", "")
    )


def checked(raw: bytes) -> list[Checked]:
    return check(raw, read(raw).signatures, DOMAIN)


def why(raw: bytes) -> str:
    (one,) = checked(raw)
    assert one.holds == (not one.why)
    return one.why


def test_a_signature_holds_and_what_dns_said_is_kept(records: Records) -> None:
    (one,) = checked(SIGNER.signed(MAIL))
    assert one.holds
    assert (one.domain, one.selector, one.algorithm, one.bits) == (DOMAIN, "k1", "rsa-sha256", 2048)
    assert (one.record, one.ttl, one.resolver) == (SIGNER.record(), 300, "127.0.0.1")
    assert not one.authenticated
    assert datetime.fromisoformat(one.at).tzinfo is not None
    assert checked_of([one.as_json()]) == [one]


def test_dnssec_is_noted_where_the_resolver_is_on_this_machine(records: Records) -> None:
    records.authenticated = True
    assert checked(SIGNER.signed(MAIL))[0].authenticated


def test_ed25519_holds(records: Records) -> None:
    signer = Signer(DOMAIN, ed25519.Ed25519PrivateKey.generate(), "e1")
    records.texts[signer.name] = (signer.record(),)
    assert why(signer.signed(MAIL)) == ""
    assert why(signer.signed(MAIL).replace(b"Approve", b"Reject!")) == check_dkim.DOES_NOT_HOLD


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Approve", b"Reject"),
        (b"Re: Desk", b"Re: Chair"),
        (b"ann@", b"eve@"),
        (b"approvals@contoso", b"approvals+k@contoso"),
        (b"text/plain", b"text/html"),
        (b"12:30:00", b"12:31:00"),
        (b"bh=", b"bh=AA"),
        (b"c=relaxed/relaxed", b"c=simple/simple"),
        (b"v=1", b"v=2"),
    ],
)
def test_what_was_changed_does_not_hold(old: bytes, new: bytes) -> None:
    raw = SIGNER.signed(MAIL)
    assert old in raw
    assert why(raw.replace(old, new, 1)) == check_dkim.DOES_NOT_HOLD


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ((), check_dkim.NO_KEY),
        ((SIGNER.record(), SIGNER.record("s=email; ")), check_dkim.SEVERAL_KEYS),
        ((SIGNER.record("t=y; "),), check_dkim.TEST_KEY),
        ((SIGNER.record("t=s:y; "),), check_dkim.TEST_KEY),
        ((SIGNER.record("t=s; "),), ""),
        ((SIGNER.record("h=sha1; "),), check_dkim.OTHER_KEY),
        ((SIGNER.record("h=sha1:sha256; "),), ""),
        ((SIGNER.record("s=tlsrpt; "),), check_dkim.OTHER_KEY),
        ((SIGNER.record("s=email; "),), ""),
        ((SIGNER.record().replace("k=rsa", "k=ed25519"),), check_dkim.OTHER_KEY),
        ((SIGNER.record().replace("DKIM1", "DKIM2"),), check_dkim.OTHER_KEY),
        (("v=DKIM1; p=",), check_dkim.REVOKED),
        (("v=DKIM1; p=AAAA",), check_dkim.UNREADABLE_KEY),
        (("v=DKIM1; p=A A*",), check_dkim.UNREADABLE_KEY),
        (("nonsense",), check_dkim.UNREADABLE_KEY),
        ((SIGNER.record() + "; p=AAAA",), check_dkim.UNREADABLE_KEY),
        ((Signer(DOMAIN, rsa.generate_private_key(65537, 2048)).record(),), check_dkim.DOES_NOT_HOLD),
    ],
)
def test_a_key_must_be_one_that_counts(records: Records, record: tuple[str, ...], reason: str) -> None:
    records.texts = {SIGNER.name: record} if record else {}
    assert why(SIGNER.signed(MAIL)) == reason


def test_small_keys_and_old_algorithms_do_not_count(records: Records) -> None:
    small = Signer(DOMAIN, rsa.generate_private_key(65537, 1024), "s")
    records.texts[small.name] = (small.record(),)
    assert why(small.signed(MAIL)) == ""
    (of_small,), (of_usual,) = checked(small.signed(MAIL)), checked(SIGNER.signed(MAIL))
    assert (of_small.has_small_key, of_usual.has_small_key) == (True, False)
    assert why(replace(SIGNER, tags={"a": "rsa-sha1"}).signed(MAIL)) == check_dkim.UNKNOWN_ALGORITHM
    # 1000 bits, made by hand: nobody generates such a key any more.
    numbers = rsa.RSAPublicNumbers(65537, (1 << 999) | 1).public_key()
    der = numbers.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    records.texts["tiny._domainkey." + DOMAIN] = (f"v=DKIM1; p={base64.b64encode(der).decode()}",)
    assert why(replace(SIGNER, selector="tiny").signed(MAIL)) == check_dkim.SMALL_KEY


def test_somebody_below_the_domain_only_where_the_key_allows_it(records: Records) -> None:
    below = replace(SIGNER, tags={"i": f"@mail.{DOMAIN}"}).signed(MAIL)
    assert why(below) == ""
    records.texts[SIGNER.name] = (SIGNER.record("t=s; "),)
    dns.forget()
    assert why(below) == check_dkim.OTHER_IDENTITY


def test_a_part_of_the_text_proves_nothing() -> None:
    """Whoever passes it on may add to it, and where Content-Type is not signed show nothing but that."""
    raw = replace(SIGNER, tags={"l": "7"}).signed(MAIL)
    assert why(raw + b"Not at all.\r\n") == check_dkim.PART_OF_BODY


def test_only_froms_domain_is_asked_for_at_most_five_times(records: Records) -> None:
    signers = [
        Signer(name, RSA, f"s{n}") for n in range(8) for name in (DOMAIN, f"mail.{DOMAIN}", "evil.example")
    ]
    raw = b"".join(signer.header(MAIL) for signer in signers) + MAIL
    assert not any(one.holds for one in checked(raw))
    assert records.asked == [f"s{n}._domainkey.{DOMAIN}" for n in range(5)]


def test_an_answer_is_kept_as_long_as_it_says(records: Records) -> None:
    raw = SIGNER.signed(MAIL)
    with time_machine.travel(NOW, tick=False) as clock:
        for seconds, times in ((0, 1), (299, 1), (2, 2)):
            clock.shift(seconds)
            assert checked(raw)[0].holds
            assert len(records.asked) == times
        records.ttl = 86_400
        clock.shift(301)
        checked(raw)
        clock.shift(3_599)
        checked(raw)
        assert len(records.asked) == 3
        clock.shift(2)  # an hour is the longest
        checked(raw)
        assert len(records.asked) == 4
        records.texts = {}
        clock.shift(3_601)
        assert why(raw) == check_dkim.NO_KEY
        clock.shift(299)
        assert why(raw) == check_dkim.NO_KEY
        assert len(records.asked) == 5
        clock.shift(2)
        assert why(raw) == check_dkim.NO_KEY
        assert len(records.asked) == 6


@pytest.mark.parametrize("how", ["failing", "silent"])
def test_without_an_answer_it_is_not_decided(records: Records, how: str) -> None:
    getattr(records, how).add(SIGNER.name)
    began = time.monotonic()
    with pytest.raises(NoKeyYet):
        checked(SIGNER.signed(MAIL))
    assert time.monotonic() - began < 4
    good = replace(SIGNER, selector="k2")
    records.texts[good.name] = (good.record(),)
    raw = good.header(MAIL) + SIGNER.signed(MAIL)
    assert [one.holds for one in checked(raw)] == [True]  # one is enough


def test_it_needs_time_by_the_size_of_the_mail() -> None:
    raw = MAIL + b" \t" * 500_000 + b"x\r\n" + b" " * 500_000
    began = time.monotonic()
    assert why(SIGNER.signed(raw)) == ""
    assert time.monotonic() - began < 5


# --- what it proves -------------------------------------------------------------------------------------------


def proves(raw: bytes, places: tuple[str, ...] = ("subject",)) -> bool:
    mail = read(raw)
    try:
        return bool(proved_by_own_check(mail, DOMAIN, checked(raw), ASKED, NOW, places))
    except (refusals.Unproved, refusals.TooOld):
        return False


def test_the_proof_by_a_small_key_says_how_long_it_is(records: Records) -> None:
    small = Signer(DOMAIN, rsa.generate_private_key(65537, 1024), "s")
    records.texts[small.name] = (small.record(),)
    for signer, bits in ((small, "1024"), (SIGNER, "")):
        raw = signer.signed(MAIL)
        assert (
            proved_by_own_check(read(raw), DOMAIN, checked(raw), ASKED, NOW, ("subject",)).small_key == bits
        )


def test_what_holds_proves_what_it_covers() -> None:
    assert proves(SIGNER.signed(MAIL))
    mail = read(SIGNER.signed(MAIL))
    signed = proved_by_own_check(mail, DOMAIN, checked(SIGNER.signed(MAIL)), ASKED, NOW, ("subject",))
    assert signed.dkim_selector == "k1"
    assert signed.signed_headers.split() == sorted(HEADERS.split(":"))


@pytest.mark.parametrize("left_out", ["from", "subject", "date"])
def test_what_decides_must_be_covered(left_out: str) -> None:
    names = ":".join(name for name in HEADERS.split(":") if name != left_out)
    assert not proves(replace(SIGNER, headers=names).signed(MAIL))


def test_an_unsigned_address_carries_no_code() -> None:
    raw = replace(SIGNER, headers="from:subject:date:content-type").signed(MAIL)
    assert proves(raw)
    assert not proves(raw, ("address",))


def test_without_content_type_signed_parts_must_read_alike() -> None:
    """Of a mail whose boundary anybody can set, what is shown is theirs (Zone.eu, 2024)."""
    parts = MAIL.replace(b"Approve", b"--b\r\nContent-Type: text/plain\r\n\r\nApprove")
    assert proves(SIGNER.signed(parts))
    assert not proves(replace(SIGNER, headers="from:subject:date").signed(parts))


@pytest.mark.parametrize(
    "tags",
    [
        {"t": str(int(ASKED.timestamp()) - 3_600)},
        {"t": str(int(ASKED.timestamp())), "x": str(int(ASKED.timestamp()) + 60)},
    ],
)
def test_an_old_signature_is_one_that_was_sent_again(tags: dict[str, str | None]) -> None:
    with time_machine.travel(NOW):
        assert proves(replace(SIGNER, tags={"t": str(int(ASKED.timestamp()))}).signed(MAIL))
        assert not proves(replace(SIGNER, tags=tags).signed(MAIL))


def test_an_old_mail_is_one_that_was_sent_again() -> None:
    assert not proves(SIGNER.signed(MAIL.replace(b"12:30", b"11:30")))


def test_one_good_signature_of_several_is_enough() -> None:
    weak = replace(SIGNER, headers="from:date")
    raw = weak.header(MAIL) + replace(SIGNER, selector="none").header(MAIL) + SIGNER.header(MAIL) + MAIL
    assert proves(raw)


@pytest.mark.parametrize("added", [b"Subject: Re: Chair [k2]\r\n", b"From: eve@fabrikam.example\r\n"])
def test_a_header_on_top_of_the_signed_one_makes_two_readings(added: bytes) -> None:
    assert read(added + SIGNER.signed(MAIL)).two_readings


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Re: Desk\r\n", b"Re: Desk\r\nFrom x\r\n"),
        (b"Re: Desk\r\n", b"Re: Desk\r\nFrom x: y\r\n"),
        (b"text/plain;\r\n", b"text/plain;\r\nFrom x\r\n"),
    ],
)
def test_a_line_of_an_mbox_file_takes_nothing_out_of_a_signed_header(old: bytes, new: bytes) -> None:
    """One program passes it over, and for another it ends the header."""
    mail = MAIL.replace(b"Desk  [k1]", b"Desk\r\n [k1]").replace(
        b"text/plain", b"text/plain;\r\n charset=utf-8"
    )
    signed = SIGNER.signed(mail)
    assert not read(signed).two_readings
    assert not read(b"From ann Tue Nov  3 12:30:00 2026\r\n" + signed).two_readings
    assert checked(signed.replace(old, new))[0].holds
    assert read(signed.replace(old, new)).two_readings


def test_what_the_library_falls_over_does_not_hold() -> None:
    assert why(b" x\r\n" + SIGNER.signed(MAIL)) == check_dkim.DOES_NOT_HOLD
    assert why(b"From ann\r\n x\r\n" + SIGNER.signed(MAIL)) == check_dkim.DOES_NOT_HOLD
    nobody = replace(SIGNER, tags={"i": DOMAIN})  # without an @
    assert why(nobody.signed(MAIL)) == check_dkim.DOES_NOT_HOLD
