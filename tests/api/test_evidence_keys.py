"""What somebody who can write to the database alone does to keys is named by `placet audit verify`."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from placet.accounts.models import Person
from placet.api import keys
from placet.api.keys import Scope
from placet.api.models import Key
from placet.approvals import verification

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(bob: Person) -> dict[str, Key]:
    """Keys of each kind, as they are made."""
    in_use, _text = keys.make(
        bob, "In use", {Scope.REQUESTS_READ}, processes=["purchase"], floor="page", by=bob
    )
    revoked, _text = keys.make(bob, "Revoked", {Scope.DECISIONS_WRITE}, by=bob)
    keys.revoke(revoked, bob)
    replaced, _text = keys.make(bob, "Replaced", {Scope.REQUESTS_READ}, by=None)
    keys.rotate(replaced, bob, timedelta(hours=1))
    short, _text = keys.make(
        bob, "Short", {Scope.REQUESTS_READ}, by=bob, expires_at=timezone.localtime() + timedelta(days=1)
    )
    return {"in use": in_use, "revoked": revoked, "replaced": replaced, "short": short}


def test_keys_that_nobody_touched_are_as_recorded(made: dict[str, Key]) -> None:
    keys.used(made["in use"])
    assert list(verification.findings()) == []


def _longer(key: Key) -> None:
    Key.objects.filter(pk=key.pk).update(expires_at=timezone.now() + timedelta(days=900))


def _for_ever(key: Key) -> None:
    Key.objects.filter(pk=key.pk).update(expires_at=None)


def _revived(key: Key) -> None:
    Key.objects.filter(pk=key.pk).update(revoked_at=None)


def _revoked_before(key: Key) -> None:
    Key.objects.filter(pk=key.pk).update(revoked_at=timezone.now() - timedelta(days=9))


def _for_more(key: Key) -> None:
    Key.objects.filter(pk=key.pk).update(scopes=[*Scope])


def _for_all_processes(key: Key) -> None:
    Key.objects.filter(pk=key.pk).update(processes=[])


def _without_floor(key: Key) -> None:
    Key.objects.filter(pk=key.pk).update(floor="")


def _gone(key: Key) -> None:
    Key.objects.filter(replaces=key).update(replaces=None)
    key.delete()


def _put_in(key: Key) -> None:
    key.pk, key.public = None, "00000000"
    key.save(force_insert=True)


@pytest.mark.parametrize(
    ("which", "change", "says"),
    [
        ("short", _longer, "when it expires"),
        ("replaced", _longer, "when it expires"),
        ("in use", _for_ever, "when it expires"),
        ("revoked", _revived, "whether it was revoked"),
        ("revoked", _revoked_before, "whether it was revoked"),
        ("in use", _for_more, "what it is for"),
        ("in use", _for_all_processes, "which processes it is for"),
        ("in use", _without_floor, "which proof of who answers it asks for"),
        ("in use", _gone, "it is recorded, and gone"),
        ("in use", _put_in, "nobody is recorded to have made it"),
    ],
)
def test_each_change_is_named(
    made: dict[str, Key], which: str, change: Callable[[Key], None], says: str
) -> None:
    public = made[which].public
    change(made[which])
    [finding] = verification.findings()
    assert (
        finding.startswith(f"Key plc_{'00000000' if change is _put_in else public}_…: ") and says in finding
    )


def test_another_person_is_named(made: dict[str, Key], carol: Person) -> None:
    Key.objects.filter(pk=made["short"].pk).update(person=carol)
    assert [*verification.findings()] == [f"Key plc_{made['short'].public}_…: not as recorded: whose it is"]
