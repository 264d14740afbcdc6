"""Name constraints of authorities: whose addresses a certificate on the way may name, held against RFC 5280 4.2.1.10 as
it is read here, but for the case of an address, which tells nobody apart in Placet."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from cryptography.x509 import NameConstraints, RFC822Name

from placet.lib.certificates import CertificateUnfit, way_to_authority
from tests.signed_mails import issue, key

HOSTS = ("contoso.example", "mail.contoso.example", "partner.example", "example")
PEOPLE = ("bob", "eve")


def within(address: str, constraint: str) -> bool:
    """One address; all of a host; or, with a point in front, all of the hosts below a domain."""
    address, constraint = address.lower(), constraint.lower()
    host = address.rpartition("@")[2]
    if "@" in constraint:
        return address == constraint
    return host.endswith(constraint) if constraint.startswith(".") else host == constraint


def in_another_case(text: str, rng: random.Random) -> str:
    return "".join(rng.choice((one.upper(), one)) for one in text)


def any_address(rng: random.Random) -> str:
    return f"{rng.choice(PEOPLE)}@{rng.choice(HOSTS)}"


def any_constraint(rng: random.Random) -> str:
    host = rng.choice(HOSTS)
    text = rng.choice((f"{rng.choice(PEOPLE)}@{host}", f"{rng.choice(PEOPLE)}@{host}", host, f".{host}"))
    return in_another_case(text, rng) if rng.random() < 0.5 else text


def leads_to_the_root(
    addresses: Sequence[str],
    permitted: Sequence[str],
    excluded: Sequence[str],
    *,
    of_root: bool,
    critical: bool,
) -> bool:
    names = NameConstraints([*map(RFC822Name, permitted)] or None, [*map(RFC822Name, excluded)] or None)
    root = issue("Root", authority=True, more=[(names, critical)] if of_root else ())
    below = issue("People", root, authority=True, more=() if of_root else [(names, critical)])
    bob = issue("Bob", below, own=key("bob"), addresses=addresses)
    try:
        way_to_authority(bob.certificate, [below.certificate], [root.certificate], datetime.now(UTC))
    except CertificateUnfit as unfit:
        assert "authority" in str(unfit.sentence)
        return False
    return True


def test_who_is_excluded_in_any_case_of_letters_has_no_certificate_that_counts() -> None:
    rng = random.Random(5280)
    kept_out = let_in = 0
    for _ in range(400):
        addresses = [any_address(rng) for _ in range(rng.randint(1, 2))]
        shown = [in_another_case(one, rng) if rng.random() < 0.5 else one for one in addresses]
        excluded = [any_constraint(rng) for _ in range(rng.randint(1, 2))]
        permitted = [rng.choice(HOSTS), f".{rng.choice(HOSTS)}"] if rng.random() < 0.3 else []
        allowed = not any(within(one, name) for one in addresses for name in excluded) and (
            not permitted or all(any(within(one, name) for name in permitted) for one in addresses)
        )
        counts = leads_to_the_root(
            shown, permitted, excluded, of_root=rng.random() < 0.5, critical=rng.random() < 0.5
        )
        assert counts is allowed, (shown, permitted, excluded)
        kept_out, let_in = kept_out + (not allowed), let_in + allowed
    assert min(kept_out, let_in) > 50


@pytest.mark.parametrize("excluded", ["Bob@contoso.example", "BOB@CONTOSO.EXAMPLE", "bob@contoso.example"])
def test_the_sentence_names_the_address(excluded: str) -> None:
    root = issue("Root", authority=True)
    names = NameConstraints(None, [RFC822Name(excluded)])
    below = issue("People", root, authority=True, more=[(names, True)])
    bob = issue("Bob", below, own=key("bob"), addresses=["boB@contoso.example"])
    with pytest.raises(CertificateUnfit, match=f"nothing for {excluded}"):
        way_to_authority(bob.certificate, [below.certificate], [root.certificate], datetime.now(UTC))
