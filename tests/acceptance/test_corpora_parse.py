"""The pure steps of the path, measured on public mail, which is not ours to ship.

The figures are printed (`pytest -s`); what is asserted is what was seen, a little rounded.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from placet.approvals.proofs import Level
from placet.mailboxes.base import Folder, Received
from placet.mailboxes.kinds import kind_of
from placet.replies import refusals
from placet.replies.parse import Kind, Mail, OwnMail, parse
from placet.replies.pick import codes
from placet.replies.prove import Asked, ProvePolicy, prove
from placet.replies.prove_outside import Servers
from placet.replies.read import read

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
AUTOMATIC = sorted((CORPORA / "automatic").glob("*.eml"))
MALFORMED = sorted(
    path for path in (CORPORA / "malformed").glob("*/*") if not path.name.startswith("LICENSE")
)
FROM_PEOPLE = {"is-not-bounce-02.eml"}
NOW = datetime(2026, 11, 24, tzinfo=UTC)
CODE = "k7q2mfx3wz5ta4ub"
GRAFT = (
    "X-MS-Exchange-Organization-AuthAs: Internal\n"
    "X-MS-Exchange-Organization-AuthMechanism: 04\n"
    "From: Ann Approver <ann@contoso.example>\n"
    f"To: approvals+{CODE}@contoso.example\n"
)
REPLACED = (b"from:", b"sender:", b"to:", b"cc:")


def parsed(raw: bytes, item_class: str = "IPM.Note") -> Mail:
    received = Received("1", Folder.INBOX, raw, "", item_class, None, len(raw))
    return parse(received, OwnMail("approvals@contoso.example", "placet.contoso.example"))


def grafted(raw: bytes) -> bytes:
    """The same mail, from the approver, with a valid reply code and the stamp of a colleague."""
    kept: list[bytes] = []
    dropping = in_headers = True
    for line in raw.splitlines(keepends=True):
        in_headers = in_headers and line.strip(b"\r\n") != b""
        if in_headers and not line.startswith((b" ", b"\t")):
            dropping = line.lower().startswith(REPLACED)
        if not (in_headers and dropping):
            kept.append(line)
    return GRAFT.encode() + b"".join(kept)


def decided(mail: Mail) -> str:
    """What the path makes of a mail: an outcome, or the key of a refusal."""
    if mail.automatic:
        return "automatic"
    try:
        assert [found.code for found in codes(mail)] == [CODE]
        asked = Asked({"ann@contoso.example"}, NOW, NOW, ("subject",))
        policy = ProvePolicy(
            True,
            Servers(kind_of("exchange-online").nameless_stamps),
            ("04",),
            own_domains=("contoso.example",),
        )
        prove(mail, Folder.INBOX, asked, Level.COLLEAGUE, policy)
        return read(mail, ("approve", "reject")).outcome
    except refusals.Refusal as refusal:
        return refusal.key


def cases(pattern: str) -> Iterator[dict[str, Any]]:
    for path in sorted(CORPORA.glob(pattern)):
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def test_automatic_mail_is_recognised() -> None:
    kinds = {path.name: parsed(path.read_bytes()).automatic for path in AUTOMATIC}
    replies = [name for name in kinds if name.startswith("rfc3834")]
    reports = [name for name in kinds if name.startswith("arf")]
    bounces = [name for name in kinds if name not in {*replies, *reports, *FROM_PEOPLE}]
    found = [name for name in bounces if kinds[name]]
    print(
        f"\nbounces recognised: {len(found)} of {len(bounces)}; missed: {sorted(set(bounces) - set(found))}"
    )

    assert len(found) >= 0.97 * len(bounces)
    assert all(kinds[name] is Kind.AUTOMATIC_REPLY for name in replies)
    assert all(kinds[name] is Kind.REPORT for name in reports)
    assert not any(kinds[name] for name in FROM_PEOPLE)


def test_a_bounce_says_which_mail_it_is_about() -> None:
    mails = [parsed(path.read_bytes()) for path in AUTOMATIC]
    bounces = [mail.returned for mail in mails if mail.automatic is Kind.BOUNCE and mail.returned]
    named = [bounce for bounce in bounces if bounce.message_ids]
    print(f"\nbounces with the Message-ID of the mail that bounced: {len(named)} of {len(bounces)}")
    assert len(named) >= 0.77 * len(bounces)


def test_no_mail_from_people_is_taken_for_automatic() -> None:
    mails = [base64.b64decode(case["raw"]) for case in cases("stripping/*.jsonl") if case["kind"] == "eml"]
    assert len(mails) >= 12
    assert [mail.automatic_why for mail in map(parsed, mails) if mail.automatic] == []


@pytest.mark.parametrize("path", [*AUTOMATIC, *MALFORMED], ids=lambda path: path.name)
def test_every_odd_mail_is_read_or_refused_and_decides_nothing(path: Path) -> None:
    raw = path.read_bytes()
    for mail in (raw, grafted(raw)):
        try:
            result = parsed(mail)
        except refusals.Unparseable as refusal:
            assert str(refusal.reason).endswith(".")
            continue
        for text in (result.subject, result.text, result.new_text, result.from_line):
            assert "\0" not in text
            text.encode()
        if mail is not raw:
            assert decided(result) not in {"approve", "reject"}


def test_what_is_new_in_a_reply() -> None:
    counts: Counter[str] = Counter()
    kinds = {"text": "text/plain", "html": "text/html"}
    for case in cases("stripping/*.jsonl"):
        if case["expected_reply"] is None or case["kind"] == "html":  # the HTML ones expect HTML
            continue
        if case["kind"] == "eml":
            raw = base64.b64decode(case["raw"])
        else:
            start = f"From: a@b.example\nContent-Type: {kinds[case['kind']]}; charset=utf-8\n\n"
            raw = (start + case["text"]).encode()
        mail = parsed(raw)
        got = (mail.with_signature if case["policy"] == "quote" else mail.new_text).split()
        expected = case["expected_reply"].split()
        counts["all"] += 1
        counts["exact"] += got == expected
        counts["leaks"] += bool(Counter(got) - Counter(expected))
    print(f"\nnew text: {dict(counts)}")
    assert counts["exact"] >= 0.85 * counts["all"]
    assert counts["leaks"] <= 0.09 * counts["all"]  # nearly all of them signatures


def test_no_short_reply_is_read_wrongly() -> None:
    counts: Counter[tuple[str, str]] = Counter()
    wrong = []
    for case in cases("decisions/replies_dev.jsonl"):
        start = "From: ann@contoso.example\nContent-Type: text/plain; charset=utf-8\n\n"
        try:
            got = read(parsed((start + case["text"]).encode()), ("approve", "reject")).outcome
        except refusals.Unclear:
            got = "unclear"
        counts[case["label"], got] += 1
        if got not in ("unclear", case["label"]):
            wrong.append((case["id"], case["text"], got))
    right = sum(count for (label, got), count in counts.items() if label == got != "unclear")
    clear = sum(count for (label, _), count in counts.items() if label != "unclear")
    print(f"\nshort replies decided: {right} of {clear} in 26 languages; wrong: {len(wrong)}; {dict(counts)}")
    assert wrong == []
    assert right >= 35
