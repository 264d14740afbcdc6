"""What a proof says afterwards: what it covers, what is kept of it, and the levels that a process may ask for."""

from dataclasses import replace

import pytest

from placet.approvals.proofs import Level, level_of
from placet.mailboxes.base import Folder
from placet.replies import refusals
from placet.replies.prove import Asked, Proof, ProvePolicy, prove
from tests.replies.test_prove_outside import ASKED, NOW, RESULTS, SERVERS, mail


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
    with pytest.raises(
        ValueError, match="no proof 'trust'; there are outside, colleague, submitted, signed, page"
    ):
        level_of("trust")


INTERNAL = "X-MS-Exchange-Organization-AuthAs: Internal\r\nX-MS-Exchange-Organization-AuthMechanism: "
POLICY = ProvePolicy(True, SERVERS, ("04",), ("fabrikam.example",))


@pytest.mark.parametrize(
    ("stamps", "results", "folder", "level", "proved"),
    [
        (f"{INTERNAL}04", "", Folder.INBOX, Level.COLLEAGUE, Level.COLLEAGUE),
        (f"{INTERNAL}04", "", Folder.INBOX, Level.OUTSIDE, Level.COLLEAGUE),
        (f"{INTERNAL}04", "", Folder.JUNK, Level.OUTSIDE, Level.COLLEAGUE),
        # What is no proof of a colleague leaves the other one.
        (f"{INTERNAL}0B", RESULTS, Folder.INBOX, Level.OUTSIDE, Level.OUTSIDE),
        ("", RESULTS, Folder.INBOX, Level.OUTSIDE, Level.OUTSIDE),
        ("", RESULTS, Folder.INBOX, Level.PAGE, Level.OUTSIDE),
        ("", RESULTS, Folder.INBOX, Level.COLLEAGUE, refusals.NotProved),
        ("", RESULTS, Folder.JUNK, Level.OUTSIDE, refusals.NotProved),
        (f"{INTERNAL}0B", RESULTS, Folder.JUNK, Level.OUTSIDE, refusals.MechanismNotConfirmed),
        # The mark of a colleague is what to look at, where neither holds.
        (f"{INTERNAL}0B", "", Folder.INBOX, Level.OUTSIDE, refusals.MechanismNotConfirmed),
    ],
)
def test_the_strongest_proof_that_there_is(
    stamps: str, results: str, folder: Folder, level: Level, proved: Level | type[Exception]
) -> None:
    one = mail(below=stamps, results=results)
    asked = Asked({"Ann@fabrikam.example"}, ASKED, NOW, {"subject"})
    if isinstance(proved, Level):
        assert prove(one, folder, asked, level, POLICY).level is proved
    else:
        with pytest.raises(proved):
            prove(one, folder, asked, level, POLICY)


def test_what_never_proves_does_not_where_it_is_confirmed() -> None:
    one = mail(below=f"{INTERNAL}0a", results="")
    asked = Asked({"Ann@fabrikam.example"}, ASKED, NOW, {"subject"})
    policy = replace(POLICY, proving_mechanisms=("04", "0A"), never_proving_mechanisms=("0A",))
    with pytest.raises(refusals.NotProved) as refusal:
        prove(one, Folder.INBOX, asked, Level.COLLEAGUE, policy)
    assert "although nobody signed in" in str(refusal.value.reason)


@pytest.mark.parametrize(
    ("stamps", "error"), [("", refusals.TooOld), (f"{INTERNAL}0B", refusals.MechanismNotConfirmed)]
)
def test_the_age_of_a_colleagues_mail_is_not_what_to_look_at(stamps: str, error: type[Exception]) -> None:
    one = mail(below=stamps, date="Tue, 3 Nov 2026 11:00:00 +0000")
    with pytest.raises(error):
        prove(
            one, Folder.INBOX, Asked({"ann@fabrikam.example"}, ASKED, NOW, {"subject"}), Level.OUTSIDE, POLICY
        )


def test_exchange_knows_the_people_of_its_own_domains_alone() -> None:
    one = mail(below=f"{INTERNAL}04", results="")
    asked = Asked({"ann@fabrikam.example"}, ASKED, NOW, {"subject"})
    other = replace(POLICY, own_domains=("contoso.example",))
    assert prove(one, Folder.INBOX, asked, Level.COLLEAGUE, POLICY)
    with pytest.raises(refusals.NotProved) as caught:
        prove(one, Folder.INBOX, asked, Level.COLLEAGUE, other)
    assert "fabrikam.example is none of this mailbox's own domains" in str(caught.value.reason)
