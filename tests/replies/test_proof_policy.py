"""What counts of a mail that was kept before its mailbox became one of another kind."""

from types import SimpleNamespace
from typing import Any

import pytest

from placet.approvals.proofs import Level
from placet.mail.models import IncomingMail
from placet.mailboxes.base import Folder, Received
from placet.mailboxes.kinds import all_kinds, kind_of, server_of
from placet.mailboxes.models import Mailbox
from placet.replies import fetch, refusals
from placet.replies.fetch import SERVER
from placet.replies.proof_policy import prove_policy
from placet.replies.prove import Asked, ProvePolicy, prove
from tests.making import make_mailbox
from tests.replies.test_prove_outside import ASKED, NOW, mail

STAMPS = {"profile": {"ids": ["mx.contoso.example"]}}
RECEIVING = [key for key, kind in all_kinds().items() if kind.receives]


def policy_of(kept_as: str, is_now: str, more: dict[str, Any] | None = None, **stored: str) -> ProvePolicy:
    """`more`: what else was noted as it was kept; `stored`: settings of the mailbox now."""
    mailbox = Mailbox(kind=is_now, address="approvals@contoso.example", stamps=STAMPS, settings=stored)
    facts = {"too_large": False, **({"kind": kept_as} if kept_as else {}), **(more or {})}
    settings = SimpleNamespace(
        trusted_hosts=(),
        own_networks=(),
        authserv_id="",
        proving_mechanisms=("04",),
        never_proving_mechanisms=("10",),
        own_domains=(),
    )
    incoming = IncomingMail(mailbox=mailbox, facts=facts)
    reply: Any = SimpleNamespace(incoming=incoming, settings=settings, mail=None, claim="", line=None)
    return prove_policy(reply)


@pytest.mark.parametrize("is_now", RECEIVING)
def test_what_only_one_kinds_server_takes_off_proves_nothing_in_a_mail_that_another_gave(is_now: str) -> None:
    own = policy_of(is_now, is_now)
    assert policy_of("", is_now) == own  # kept before that was noted
    assert own.is_exchange == kind_of(is_now).exchange_stamps
    assert own.servers.confirmed is not None
    for kept_as in RECEIVING:
        policy = policy_of(kept_as, is_now)
        assert policy.is_exchange <= kind_of(kept_as).exchange_stamps
        assert policy.servers.service in (None, kind_of(kept_as).nameless_stamps)
        assert (policy.servers.confirmed is None) == (kept_as != is_now)


OF_A_HOST = [key for key in RECEIVING if kind_of(key).settings_class.server]


@pytest.mark.parametrize("kind", OF_A_HOST)
def test_stamps_of_a_former_host_are_not_judged_by_what_was_confirmed_of_another(kind: str) -> None:
    """A mail may wait while the mailbox moves, and what its new host takes off the former one may have let in."""
    (name,) = kind_of(kind).settings_class.server
    here, elsewhere = "mail.contoso.example", "mail.elsewhere.example"
    kept_there = {SERVER: server_of(Mailbox(kind=kind, settings={name: elsewhere}))}
    kept_here = {SERVER: server_of(Mailbox(kind=kind, settings={name: here}))}
    own = policy_of(kind, kind, kept_here, **{name: here})
    assert own == policy_of(kind, kind, {}, **{name: here})  # kept before that was noted
    assert own.servers.confirmed is not None
    moved = policy_of(kind, kind, kept_there, **{name: here})
    assert moved.servers.confirmed is None
    assert not moved.is_exchange
    assert (moved.servers.host_suffixes, moved.servers.authserv_id) == ((), "")


#: Of each kind whose server stamps who signed in, what must be entered.
STAMPING = {
    "exchange-online": {
        "client_id": "11111111-1111-1111-1111-111111111111",
        "token_uri": "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
    },
    "exchange-server": {"exchange_server": "mail.contoso.example"},
}
INTERNAL = "X-MS-Exchange-Organization-AuthAs: Internal\r\nX-MS-Exchange-Organization-AuthMechanism: "


@pytest.mark.parametrize("mechanism", ["03", "05", "08", "10", "11", "12"])
@pytest.mark.parametrize("kind", [key for key, kind in all_kinds().items() if kind.exchange_stamps])
def test_stored_settings_with_what_never_proves_make_a_policy_that_accepts_nobody_by_it(
    kind: str, mechanism: str
) -> None:
    stored = {"username": "approvals@fabrikam.example", "own_domains": ["fabrikam.example"], **STAMPING[kind]}
    asked = Asked({"ann@fabrikam.example"}, ASKED, NOW, {"subject"})

    def proved(confirmed: list[str], stamped: str) -> Level:
        entered = {**stored, "confirmed_mechanisms": confirmed}
        mailbox = Mailbox(kind=kind, address=str(stored["username"]), settings=entered)
        settings = kind_of(kind).settings_class.of_stored(entered)
        incoming = IncomingMail(mailbox=mailbox, facts={"too_large": False})
        reply: Any = SimpleNamespace(incoming=incoming, settings=settings, mail=None, claim="", line=None)
        stamps = f"{INTERNAL}{stamped}"
        one = mail(below=stamps, results="")
        return prove(one, Folder.INBOX, asked, Level.COLLEAGUE, prove_policy(reply)).level

    assert proved(["04", mechanism], "04") is Level.COLLEAGUE
    for confirmed in ([mechanism], ["04", mechanism]):
        with pytest.raises(refusals.NotProved) as refusal:
            proved(confirmed, mechanism)
        assert "although nobody signed in" in str(refusal.value.reason)


def test_a_mail_is_kept_with_the_server_that_gave_it(db: None) -> None:
    mailbox = make_mailbox(imap_host="mail.contoso.example")
    mailbox.kind = "imap"
    content = b"Subject: x\r\n\r\n"
    given = Received("1", Folder.INBOX, content, content.decode(), "", None, len(content))
    fetch._keep(mailbox, given)
    facts = IncomingMail.objects.get().facts
    assert facts[SERVER] == server_of(mailbox) != server_of(Mailbox(kind="imap", settings={"imap_host": "x"}))
