"""What receivers stamped on public mails, which are not ours to ship, and what forgers make of these very mails: the
table in docs/security.md.

Who received a mail is seen by its stamps and its topmost hop; each is judged as if it answered something that was asked
when it was written. `make acceptance` prints the table.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from placet.mailboxes.base import Folder, Received
from placet.mailboxes.stamp_presets import PRESETS, Preset
from placet.mailboxes.stamp_profile import Stripped
from placet.replies import refusals
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.parse.headers import AT_MOST_ONCE
from placet.replies.prove_outside import Servers, proved_outside
from tests.acceptance.conftest import TABLE
from tests.attacks.forging import Header, Letter
from tests.attacks.test_doubled_headers import doubled, misspelt, smuggled
from tests.attacks.test_planted_stamps import planted_hop, shapes
from tests.replies.receivers import RECEIVERS, SENDER, SIGNATURE, Delivery, Lines, forgeries

ROOT = Path(__file__).parents[2]
CORPORA = ROOT.parent / "shared" / "corpora"
FOLDERS = ("automatic", "malformed")
PLANTED, DOUBLED = 20, 60  # forgeries of each of these sorts that are made of one mail
WRITTEN_BY_PROGRAMS = ("auto-submitted", "return-path", "x-failed-recipients")

HEAD = (
    "| Receiver | Mails | DKIM and DMARC passed | Proved by one header above the entrance | by its profile, before the "
    "planting test | where forged ones are taken off | so, had all passed | Forged | Accepted |",
    "|---|---|---|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class Public:
    """A mail of a corpus, as one of the receivers that Placet knows delivered it."""

    preset: Preset
    letter: Letter
    mail: Mail

    @property
    def domain(self) -> str:
        """Of whoever its From names."""
        return (self.mail.from_address or self.mail.from_line).rpartition("@")[2].strip("> ").lower()

    @property
    def own_id(self) -> str:
        """The name that its server stamped; "" if it stamped without one."""
        ids = [stamp.authserv_id for stamp in self.mail.stamps if not stamp.unread]
        return next(filter(self.preset.profile.is_own, ids), "")

    @property
    def passed(self) -> bool:
        """Whether the stamps of that server, whatever their place, say so of From's domain."""
        own = [stamp for stamp in self.mail.stamps if self.preset.profile.is_own(stamp.authserv_id)]
        results = [result for stamp in own for result in stamp.results if result.result == "pass"]
        signers = [one.get("header.d") or one.get("header.i") for one in results if one.method == "dkim"]
        dmarc = [one.get("header.from") for one in results if one.method == "dmarc"]
        return all(self.domain in [name.rpartition("@")[2] for name in names] for names in (signers, dmarc))

    def proves(self, raw: bytes, servers: Servers) -> bool:
        """Whether this mail's sender is taken for the one who wrote `raw`."""
        try:
            mail = parsed(raw)
            if mail.two_readings or mail.from_address is None:
                return False
            written_at = self.mail.date or datetime(2026, 11, 24, tzinfo=UTC)
            return bool(
                proved_outside(mail, self.domain, servers, written_at, written_at, ("subject", "address"))
            )
        except (refusals.Unproved, refusals.TooOld, refusals.Unparseable):
            return False

    # ------------------------------------------------------------------ how its server is known

    def by_name_alone(self) -> Servers:
        """As where nobody confirmed a profile."""
        hosts = [host for host in self.preset.profile.hosts if host]
        return Servers(None, hosts, ["10.0.0.0/8"], self.own_id or self.preset.profile.ids[0].lstrip("."))

    def by_profile(self, stripped: Stripped) -> Servers:
        return Servers(None, [], ["10.0.0.0/8"], confirmed=replace(self.preset.profile, strips_own=stripped))

    # ------------------------------------------------------------------ taken apart, to be forged

    def delivery(self) -> Delivery:
        """What its server wrote of it: the hops from the one on at which it came in, and the stamps."""
        hops, stamps = self._hops(), self._stamps()
        *above, entrance = [self.letter.headers[at][1].rpartition(";")[0].strip() for at in hops]
        lines = tuple(":".join(self.letter.headers[at]) for at in stamps)
        return Delivery(tuple(above), lines, entrance, below=stamps[0] > hops[-1])

    def rest(self) -> Lines:
        """What stands below that, and what other programs wrote on top of it."""
        its_own = {*self._hops(), *self._stamps()}
        return tuple(":".join(one) for at, one in enumerate(self.letter.headers) if at not in its_own)

    def _hops(self) -> Sequence[int]:
        at = self._places("received")
        assert len(at) == len(self.mail.hops)
        names = [hop.from_hosts and is_host_of(self.preset, hop.by) for hop in self.mail.hops]
        return at[: next((number for number, here in enumerate(names) if here), 0) + 1]

    def _stamps(self) -> Sequence[int]:
        at = self._places("authentication-results")
        assert len(at) == len(self.mail.stamps)
        own = [stamp.authserv_id == self.own_id for stamp in self.mail.stamps]
        return [place for place, here in zip(at, own, strict=True) if here]

    def _places(self, header: str) -> Sequence[int]:
        return [at for at, (name, _) in enumerate(self.letter.headers) if name.lower() == header]

    def made(self, domain: str, dkim: str, dmarc: str) -> Delivery:
        """The same, had it been of another domain, or come to other results. Where its server did not say that it
        passed, this is in the form in which it says so today."""
        if not self.passed:
            return RECEIVERS[self.preset.key](domain, dkim, dmarc)
        really = self.delivery()
        return replace(really, stamps=stamps_with(really.stamps, self.domain, domain, dkim, dmarc))

    def written(
        self, delivery: Delivery, below: Sequence[str] = (), signatures: Sequence[str] | None = None
    ) -> bytes:
        signed = self.signatures() if signatures is None else signatures
        rest = [line for line in self.rest() if not line.lower().startswith("dkim-signature:")]
        lines = [*delivery.lines(), *below, *(f"DKIM-Signature: {one}" for one in signed), *rest]
        return "\r\n".join([*lines, *delivery.after_from, "", ""]).encode("utf-8", "surrogateescape") + (
            self.letter.body
        )

    def signatures(self) -> Sequence[str]:
        if not self.passed:
            return [SIGNATURE.replace(SENDER, self.domain)]
        return [value.strip() for name, value in self.letter.headers if name.lower() == "dkim-signature"]


def parsed(raw: bytes) -> Mail:
    received = Received("1", Folder.INBOX, raw, "", "", None, len(raw))
    return parse(received, OwnMail("approvals@contoso.example", ""))


def stamps_with(lines: Lines, domain: str, other: str, dkim: str, dmarc: str) -> Lines:
    results = {"dkim=pass": f"dkim={dkim}", "dmarc=pass": f"dmarc={dmarc}", domain: other}
    return tuple(re.sub("|".join(map(re.escape, results)), lambda was: results[was[0]], one) for one in lines)


def is_host_of(preset: Preset, host: str) -> bool:
    return any(host == end or host.endswith("." + end) for end in preset.profile.hosts if end)


def letter_of(raw: bytes) -> Letter:
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    fields = re.split(r"\n(?![ \t])", head.decode("utf-8", "surrogateescape"))
    headers = [tuple(field.replace("\n", "\r\n").split(":", 1)) for field in fields if ":" in field]
    return Letter(tuple((name, value) for name, value in headers), body)


def receiver_of(mail: Mail) -> Preset | None:
    """None also where it stamped nothing, as all did once."""
    top = mail.hops[0].by if mail.hops else ""
    for preset in PRESETS:
        named = any(preset.profile.is_own(stamp.authserv_id) for stamp in mail.stamps)
        if mail.stamps and preset.profile.ids and (named or is_host_of(preset, top)):
            return preset
    return None


def public_mails() -> Iterator[Public]:
    for folder in FOLDERS:
        for path in sorted((CORPORA / folder).rglob("*.eml")):
            raw = path.read_bytes()
            try:
                mail = parsed(raw)
            except refusals.Unparseable:  # what stops other programs, too
                continue
            preset = receiver_of(mail)
            if preset is not None:
                yield Public(preset, letter_of(raw), mail)


# ---------------------------------------------------------------------- forged


def forged(public: Public, rng: random.Random) -> Iterator[tuple[str, bytes, bool]]:
    """As `forgeries` has them, of this mail."""
    yield from forgeries(public.made, public.written, public.domain, public.signatures())
    yield from planted(public, rng)
    if public.passed:
        yield from twice(public, rng)


def planted(public: Public, rng: random.Random) -> Iterator[tuple[str, bytes, bool]]:
    """Stamps of every shape below what the server wrote, in its name and in others'."""
    failed = public.made(public.domain, "fail", "fail")
    unstamped = replace(failed, stamps=(), after_from=())
    own = public.own_id or public.preset.profile.ids[0].replace(".", "mx.", 1)
    for _ in range(PLANTED):
        name = rng.choice((own, own, f"{own}.evil.example", "mx.evil.example"))
        lines = [shapes(public.domain, rng, f"{name}; "), planted_hop(own, rng)]
        rng.shuffle(lines)
        server = rng.choice((failed, unstamped))
        raw = public.written(server, tuple(map(": ".join, lines)))
        yield f"{name} planted", raw, name != own


def twice(public: Public, rng: random.Random) -> Iterator[tuple[str, bytes, bool]]:
    """What passed, with a header that one program reads and another does not."""
    letter = by_a_person(public)
    for _ in range(DOUBLED):
        name, bent = rng.choice((doubled, misspelt, smuggled))(letter, rng)
        yield name, bent.raw(), True


def by_a_person(public: Public) -> Letter:
    """The mail, had a person written it: most that passed are bounces, of which nobody asks how else they could be
    read. With each header that may stand there once."""
    delivered = public.letter.without(*AT_MOST_ONCE, *WRITTEN_BY_PROGRAMS)
    sender = f"Ann <ann@{public.domain}>"
    values = {
        "from": sender,
        "sender": sender,
        "reply-to": sender,
        "to": "approvals@contoso.example",
        "cc": "dave@contoso.example",
        "subject": "Re: Desk",
        "date": public.letter.value("date"),
        "message-id": f"<answer@{public.domain}>",
        "in-reply-to": "<asked@contoso.example>",
        "references": "<asked@contoso.example>",
        "mime-version": "1.0",
        "content-type": "text/plain; charset=utf-8",
        "content-transfer-encoding": "7bit",
    }
    written: list[Header] = [(name.title(), f" {values[name]}") for name in AT_MOST_ONCE]
    return Letter((*delivered.headers, *written), b"Approve\r\n")


# ---------------------------------------------------------------------- measured


def accepted(public: Public) -> tuple[int, list[str]]:
    """How many forgeries of a mail were judged, and which were believed: by the name alone, by the profile where
    nothing is known of forged ones, and, if its server could deliver them then, where they are taken off."""
    count, wrong = 0, []
    unknown = (public.by_name_alone(), public.by_profile(Stripped.UNKNOWN))
    for name, raw, is_possible in forged(public, random.Random(public.letter.raw())):
        taken_off = [public.by_profile(Stripped.YES)] if is_possible else []
        for servers in (*unknown, *taken_off):
            count += 1
            if public.proves(raw, servers):
                wrong.append(name)
    return count, wrong


@dataclass(frozen=True)
class Figures:
    """Of the mails of one receiver."""

    mails: int
    passed: int
    by_name_alone: int
    before_test: int
    taken_off: int
    had_all_passed: int
    forged: int
    wrong: tuple[str, ...]  # forgeries that were believed

    def row(self, label: str) -> str:
        *counts, wrong = (getattr(self, one.name) for one in fields(self))
        return f"| {label} | {' | '.join(f'{one:,}' for one in (*counts, len(wrong)))} |"


def figures(mails: Sequence[Public]) -> Figures:
    judged = [accepted(one) for one in mails]
    real = [(one, one.letter.raw()) for one in mails]
    return Figures(
        len(mails),
        sum(one.passed for one in mails),
        sum(one.proves(raw, one.by_name_alone()) for one, raw in real),
        sum(one.proves(raw, one.by_profile(Stripped.UNKNOWN)) for one, raw in real),
        sum(one.proves(raw, one.by_profile(Stripped.YES)) for one, raw in real),
        sum(one.proves(had_passed(one), one.by_profile(Stripped.YES)) for one in mails),
        sum(count for count, _ in judged),
        tuple(name for _, names in judged for name in names),
    )


def had_passed(public: Public) -> bytes:
    return public.written(public.made(public.domain, "pass", "pass"))


@pytest.fixture(scope="module")
def mails() -> list[Public]:
    return list(public_mails())


def test_what_passed_is_proved_as_it_came_as_it_is_put_together_and_as_a_persons(mails: list[Public]) -> None:
    """So that what is forged of it is refused for nothing else."""
    passed = [one for one in mails if one.passed]
    assert passed
    for one in passed:
        servers = one.by_profile(Stripped.YES)
        proved = one.proves(one.letter.raw(), servers)
        letter = by_a_person(one).raw()
        assert one.proves(had_passed(one), servers) == proved
        assert one.proves(letter, servers) == proved
        assert not parsed(letter).automatic


@pytest.mark.timeout(300)
def test_no_forgery_of_a_public_mail_is_believed_and_the_documentation_has_the_figures(
    mails: list[Public], record_property: Callable[[str, object], None]
) -> None:
    of_receivers = {
        preset.label: figures([one for one in mails if one.preset is preset])
        for preset in PRESETS
        if any(one.preset is preset for one in mails)
    }
    rows = [*HEAD, *(one.row(label) for label, one in of_receivers.items())]
    record_property(TABLE, rows)
    assert {label: one.wrong for label, one in of_receivers.items() if one.wrong} == {}
    page = (ROOT / "docs/security.md").read_text()
    assert "\n".join(rows) + "\n" in page
