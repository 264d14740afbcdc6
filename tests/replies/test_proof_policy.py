"""What counts of a mail that was kept before its mailbox became one of another kind."""

from types import SimpleNamespace
from typing import Any

import pytest

from placet.mail.models import IncomingMail
from placet.mailboxes.kinds import all_kinds, kind_of
from placet.mailboxes.models import Mailbox
from placet.replies.proof_policy import prove_policy
from placet.replies.prove import ProvePolicy

STAMPS = {"profile": {"ids": ["mx.contoso.example"]}}
RECEIVING = [key for key, kind in all_kinds().items() if kind.receives]


def policy_of(kept_as: str, is_now: str) -> ProvePolicy:
    mailbox = Mailbox(kind=is_now, address="approvals@contoso.example", stamps=STAMPS)
    facts = {"too_large": False, **({"kind": kept_as} if kept_as else {})}
    settings = SimpleNamespace(
        trusted_hosts=(), own_networks=(), authserv_id="", confirmed_mechanisms=("04",), own_domains=()
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
        assert policy.servers.exchange_online <= kind_of(kept_as).nameless_stamps
        assert (policy.servers.confirmed is None) == (kept_as != is_now)
