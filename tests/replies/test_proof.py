"""What a proof says afterwards: what it covers, what is kept of it, and the levels that a process may ask for."""

import pytest

from placet.replies.prove import Level, Proof, level_of


@pytest.mark.parametrize(
    ("level", "signed", "header", "covered"),
    [
        (Level.COLLEAGUE, "", "subject", True),  # as Exchange took it from somebody who signed in
        (Level.OUTSIDE, "from subject to", "subject", True),
        (Level.OUTSIDE, "from subject to", "cc", False),
        (Level.OUTSIDE, "from in-reply-to", "reply-to", False),  # a whole name
        (Level.OUTSIDE, "", "subject", False),
    ],
)
def test_whoever_sends_a_mail_on_can_change_what_is_not_signed(
    level: Level, signed: str, header: str, covered: bool
) -> None:
    proof = Proof(level, "ann@contoso.example", "mail", signed_headers=signed)
    assert proof.covers(header) is covered


def test_what_is_kept_of_a_proof_is_what_it_has() -> None:
    proof = Proof(Level.OUTSIDE, "ann@contoso.example", "mail", dkim_domain="contoso.example")
    assert proof.as_json() == {
        "level": "outside", "address": "ann@contoso.example", "stamps_from": "mail", "dkim_domain": "contoso.example",
    }  # fmt: skip


def test_a_level_is_known_by_its_name() -> None:
    assert [level_of(level.value) for level in Level] == list(Level)
    with pytest.raises(ValueError, match="no proof 'trust'; there are colleague, outside, page"):
        level_of("trust")
