"""Every mail in tests/mails goes down the pure steps of the path; what is expected stands beside it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from placet.approvals.proofs import Level
from placet.mailboxes.base import Folder, Received
from placet.mailboxes.kinds import kind_of
from placet.mailboxes.networks import PRIVATE_NETWORKS
from placet.replies import refusals
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.pick import codes, codes_in_returned
from placet.replies.prove import Asked, Proof, ProvePolicy, prove
from placet.replies.prove_outside import Servers
from placet.replies.read import read
from placet.replies.read_result import Answer

MAILS = Path(__file__).parent.parent / "mails"
NAMES = sorted(path.stem for path in MAILS.glob("*.eml"))
OWN = OwnMail("approvals@contoso.example", "placet.contoso.example")
ASKED_AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ANSWERED_AT = datetime(2026, 11, 24, 10, 0, 2, tzinfo=UTC)


def policy_of(case: Mapping[str, Any]) -> ProvePolicy:
    """Exchange Online's, or what the case says."""
    said = case.get("policy", {})
    is_exchange = said.get("is_exchange", True)
    servers = Servers(
        kind_of("exchange-online").nameless_stamps if is_exchange else None,
        said.get("host_suffixes", ()),
        said.get("networks", PRIVATE_NETWORKS),
        said.get("authserv_id", ""),
    )
    own_domains = said.get("own_domains", ("contoso.example",))
    confirmed, never = said.get("confirmed", ("04",)), ("03", "05", "08", "10", "11", "12")
    return ProvePolicy(is_exchange, servers, confirmed, own_domains, never)


def received(name: str, told: Mapping[str, Any]) -> Received:
    raw = (MAILS / f"{name}.eml").read_bytes()
    block = told["transport_headers"]
    if block == "same":
        block = raw.partition(b"\n\n")[0].decode()
    return Received(
        server_id="AAMk1",
        folder=Folder(told.get("folder", "inbox")),
        raw=raw,
        transport_headers=block,
        item_class=told.get("item_class", "IPM.Note"),
        received_at=None,
        size=len(raw),
        sender=told.get("sender", ""),
        from_=told.get("from_", ""),
        voting=told.get("voting", ""),
    )


def walk(mail: Mail, case: Mapping[str, Any]) -> tuple[Proof, Answer]:
    """The path without its tables: the same steps in the same order."""
    if mail.automatic:
        raise refusals.Automatic(mail.automatic_why)
    found = codes(mail)
    if not found:
        raise refusals.NoCode
    if len(found) > 1:
        raise refusals.CodesDisagree
    if mail.two_readings:
        raise refusals.TwoReadings(mail.two_readings)
    level = Level(case.get("level", "colleague"))
    addresses = frozenset(case.get("asked", ["ann@contoso.example"]))
    asked = Asked(addresses, ASKED_AT, ANSWERED_AT, found[0].places)
    proof = prove(mail, case["received"].get("folder", "inbox"), asked, level, policy_of(case))
    if level is Level.PAGE:
        raise refusals.PageOnly
    return proof, read(mail, ("approve", "reject"))


@pytest.mark.parametrize("name", NAMES)
def test_mail(name: str) -> None:
    case = json.loads((MAILS / f"{name}.json").read_text("utf-8"))
    expect = case["expect"]
    mail = parse(received(name, case["received"]), OWN)

    for field, value in expect.get("parse", {}).items():
        assert getattr(mail, field) == value, field
    if "codes" in expect:
        assert {found.code: list(found.places) for found in codes(mail)} == expect["codes"]
    for field, value in expect.get("returned", {}).items():
        assert list(getattr(mail.returned, field)) == list(value), field
    if "returned_codes" in expect:
        assert [found.code for found in codes_in_returned(mail)] == expect["returned_codes"]

    try:
        proof, answer = walk(mail, case)
    except refusals.Refusal as refusal:
        assert refusal.key == expect.get("refusal"), f"{refusal.key}: {dict(refusal.facts)}"
        assert expect.get("facts", {}).items() <= refusal.facts.items()
    else:
        assert "refusal" not in expect, answer
        assert expect["proof"].items() <= proof.as_json().items()
        assert expect["answer"].items() <= asdict(answer).items()


def test_every_mail_has_its_expectation_and_the_other_way_round() -> None:
    assert sorted(path.stem for path in MAILS.glob("*.json")) == NAMES
    assert len(NAMES) > 90
