"""Stamps of known receivers: what is genuine proves where the preset says so, and nothing that is forged does."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from placet.mailboxes.base import Folder, Received
from placet.mailboxes.stamp_presets import BY_KEY, PRESETS
from placet.mailboxes.stamp_profile import Place, StampProfile, Stripped, profile_of
from placet.replies import refusals
from placet.replies.parse import OwnMail, parse
from placet.replies.prove_outside import Servers, Stamped, proved_outside
from tests.replies.receivers import (
    BUILT_ANEW,
    RECEIVERS,
    SENDER,
    SIGNATURE,
    forgeries,
    of_own_server,
    stamps_can_prove,
    written,
)
from tests.replies.test_prove_outside import ASKED, NOW

OWN = "mx.contoso.example"
#: Of which the stamps stand where anybody could have written them, whatever the server takes off.
NOT_IN_PLACE = ("mail-ru", "infomaniak")


def profile(key: str, **more: object) -> StampProfile:
    own = key in ("rspamd", "opendkim", "amavis")
    of_key = of_own_server(key, OWN) if own else BY_KEY[key].profile
    return replace(of_key, **more)  # type: ignore[arg-type]


def proved(raw: bytes, confirmed: StampProfile, sender: str = SENDER) -> Stamped:
    mail = parse(
        Received("1", Folder.INBOX, raw, "", "", NOW, len(raw)), OwnMail("approvals@contoso.example", "")
    )
    servers = Servers(None, ["contoso.example"], ["10.0.0.0/8"], confirmed=confirmed)
    return proved_outside(mail, sender, servers, ASKED, NOW, ("subject",))


def is_proved(raw: bytes, confirmed: StampProfile, sender: str = SENDER) -> bool:
    try:
        return bool(proved(raw, confirmed, sender))
    except refusals.Unproved:
        return False


def stripping(key: str) -> StampProfile:
    """As the planting test confirms it where the server takes forged stamps off."""
    return profile(key, strips_own=Stripped.YES)


def genuine(key: str) -> bytes:
    return written(RECEIVERS[key](SENDER, "pass", "pass"))


def forged(key: str) -> Iterator[tuple[str, bytes, bool]]:
    return forgeries(RECEIVERS[key])


@pytest.mark.parametrize("key", BY_KEY)
def test_what_is_genuine_proves_where_the_preset_says_so(key: str) -> None:
    raw = genuine(key)
    assert is_proved(raw, stripping(key)) == (stamps_can_prove(key) or key in ("rspamd", "opendkim")) & (
        key not in NOT_IN_PLACE
    )
    untested = profile(key)
    assert is_proved(raw, untested) == (is_proved(raw, stripping(key)) and untested.stamps_count)


@pytest.mark.parametrize("key", BY_KEY)
def test_what_ordinary_senders_mails_come_with_changes_nothing(key: str) -> None:
    """Stamps that providers leave on what they send, or seal it with: Yandex and Mail.ru, Microsoft."""
    delivery = RECEIVERS[key](SENDER, "pass", "pass")
    stamped = "Authentication-Results: iva4-1.qloud-c.partner.example; dkim=pass header.i=@partner.example"
    signed_in = f"Authentication-Results: smtp1.partner.example; auth=pass smtp.auth=ann@{SENDER}"
    sealed = (
        "ARC-Authentication-Results: i=1; mx.partner.example 1; spf=none; dmarc=none; dkim=none; arc=none"
    )
    raw = written(
        replace(delivery, after_from=(*delivery.after_from, signed_in)),
        (stamped, sealed),
        [SIGNATURE, SIGNATURE.replace(SENDER, "partner.example")],
    )
    for confirmed in (profile(key), stripping(key)):
        assert is_proved(raw, confirmed) == is_proved(genuine(key), confirmed)


@pytest.mark.parametrize("key", BY_KEY)
def test_nothing_that_is_forged_does(key: str) -> None:
    for name, raw, is_possible in forged(key):
        # Whatever the preset says of it: where the server takes none off, what stands below its entrance is nobody's.
        for stripped in Stripped:
            if stripped is not Stripped.YES or is_possible:
                assert not is_proved(raw, profile(key, strips_own=stripped)), (name, stripped)


@pytest.mark.parametrize("key", [key for key in BY_KEY if BY_KEY[key].profile.place is Place.ABOVE])
def test_above_the_entrance_nothing_needs_to_be_taken_off(key: str) -> None:
    for name, raw, _ in forged(key):
        assert not is_proved(raw, stripping(key)), name


def test_two_runs_in_our_servers_name_are_told() -> None:
    delivery = RECEIVERS["fastmail"](SENDER, "pass", "pass")
    with pytest.raises(refusals.StampsPlanted):
        proved(written(delivery, delivery.stamps), profile("fastmail"))


def test_a_run_that_contradicts_itself_proves_nothing() -> None:
    delivery = RECEIVERS["icloud"](SENDER, "pass", "pass")
    for more in (
        f"dkim=fail header.d={SENDER}",
        f"dmarc=fail header.from={SENDER}",
        f"dmarc=pass header.from={SENDER}",
    ):
        stamps = (*delivery.stamps, f"Authentication-Results: more.icloud.com; {more}")
        assert not is_proved(written(replace(delivery, stamps=stamps)), stripping("icloud"))


def test_the_first_stamp_of_another_ends_the_run() -> None:
    delivery = RECEIVERS["icloud"](SENDER, "pass", "pass")
    stamps = ("Authentication-Results: relay.example; spf=pass", *delivery.stamps)
    assert not is_proved(written(replace(delivery, stamps=stamps)), stripping("icloud"))
    split = (*delivery.stamps[:2], stamps[0], *delivery.stamps[2:])
    assert not is_proved(written(replace(delivery, stamps=split)), stripping("icloud"))


def test_a_signature_named_by_whom_it_is_for_must_be_there() -> None:
    """`header.i` may be below the domain that signed."""
    delivery = RECEIVERS["yahoo"](SENDER, "pass", "pass")
    assert is_proved(written(delivery), profile("yahoo"))
    for other in ((), [SIGNATURE.replace(SENDER, "example")], [SIGNATURE.replace("s=k1", "s=k2")]):
        assert not is_proved(written(delivery, signatures=other), profile("yahoo"))


def test_what_the_server_signed_itself_is_not_checked() -> None:
    delivery = RECEIVERS["rspamd"](SENDER, 'pass reason="pass (just generated, assumed good)"', "pass")
    assert not is_proved(written(delivery), stripping("rspamd"))


def test_delivery_over_a_socket_is_looked_past_only_where_that_is_confirmed() -> None:
    delivery = RECEIVERS["rspamd"](SENDER, "pass", "pass")
    local = replace(delivery, above=(f"from {OWN} by {OWN} with LMTP id AbCd (envelope-from <a@{SENDER}>)",))
    assert not is_proved(written(local), stripping("rspamd"))
    confirmed = replace(stripping("rspamd"), local_delivery=True)
    assert is_proved(written(local), confirmed)
    twice = replace(local, above=local.above * 2)
    elsewhere = replace(local, above=(local.above[0].replace("with LMTP", "with ESMTP"),))
    for other in (twice, elsewhere):
        assert not is_proved(written(other), confirmed)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_a_profile_is_kept_whole(preset: object) -> None:
    one = profile(preset.key)  # type: ignore[attr-defined]
    assert profile_of(one.to_json()) == one


@pytest.mark.parametrize("kept", [{}, {"ids": "x"}, {"ids": [], "place": "beside"}, {"ids": [], "more": 1}])
def test_a_profile_is_never_guessed_at(kept: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"profile|beside"):
        profile_of(kept)


def rows() -> Iterator[str]:
    """The table in docs/security.md."""
    for key, preset in BY_KEY.items():
        accepted = is_proved(genuine(key), stripping(key))
        mails = [raw for _, raw, possible in forged(key) if possible or stripping(key).place is Place.ABOVE]
        untested = [raw for _, raw, _ in forged(key)]
        count = len(mails) + len(untested)
        wrong = sum(is_proved(raw, stripping(key)) for raw in mails) + sum(
            is_proved(raw, profile(key, strips_own=Stripped.UNKNOWN)) for raw in untested
        )
        before = profile(
            key, strips_own=Stripped.UNKNOWN
        ).stamps_count  # whether forged ones are taken off is tested
        by_stamps = "no" if not accepted else "yes" if before else "after the planting test"
        own = "no" if key in BUILT_ANEW else "yes"
        yield f"| {preset.label} | {by_stamps} | {own} | {count} | {wrong} |"


def test_the_documentation_has_this_table() -> None:
    page = (Path(__file__).parents[2] / "docs/security.md").read_text()
    table = re.search(r"\| Receiver \|[^\n]*\n\|[-|]+\|\n((?:\|[^\n]*\n)+)", page)
    assert table is not None
    assert table[1].splitlines() == list(rows())
