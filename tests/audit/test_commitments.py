"""Personal values of an entry: erased, they leave its hash as it was, and nothing to guess them by."""

from typing import Any

import pytest
from django.db import transaction

from placet.accounts.models import Person
from placet.approvals.models import Request
from placet.audit import chain, commitments
from placet.audit.chain import Broken
from placet.audit.commitments import ERASED
from placet.audit.models import AuditEntry
from tests.making import SAMPLE, start

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry(alice: Person, bob: Person) -> AuditEntry:
    request = start(SAMPLE, alice)
    with transaction.atomic():
        return chain.append(
            request.pk, "system", {"event": "x", "n": 1}, personal={"name": "Bob", "note": {"é": [1]}}
        )


def test_each_value_has_a_salt_of_its_own() -> None:
    one, other = commitments.commit("Bob"), commitments.commit("Bob")
    assert one["salt"] != other["salt"] and len(bytes.fromhex(one["salt"])) == 16
    assert commitments.digest_of(one) != commitments.digest_of(other)
    assert commitments.value_of(one) == "Bob"


def test_an_entry_is_read_as_before(entry: AuditEntry) -> None:
    entry.refresh_from_db()
    assert (entry.value("n"), entry.value("name"), entry.value("note")) == (1, "Bob", {"é": [1]})
    assert entry.value("nothing") is None


def test_what_is_erased_is_gone_and_the_chain_holds(entry: AuditEntry) -> None:
    assert entry.request_id is not None
    with transaction.atomic():
        said = chain.erase(entry.request_id, entry.seq, ["name"], "person:1", "asked for")
    entry.refresh_from_db()
    assert entry.value("name") is ERASED
    assert "Bob" not in str(entry.what) and "salt" not in entry.what["personal"]["name"]
    assert said.what == {"event": "erased", "entry": entry.seq, "names": ["name"], "why": "asked for"}
    assert list(chain.verify()) == []
    with transaction.atomic():
        chain.erase(entry.request_id, entry.seq, ["note", "name"], "person:1", "asked for again")
    assert list(chain.verify()) == []


def test_what_is_erased_is_of_one_request_alone(entry: AuditEntry, alice: Person) -> None:
    other = start(SAMPLE, alice)
    with transaction.atomic():
        theirs = chain.append(other.pk, "system", {"event": "x"}, personal={"name": "Carol"})
        assert theirs.seq == entry.seq
        chain.erase(other.pk, theirs.seq, ["name"], "person:1", "asked for")
    entry.refresh_from_db()
    assert entry.value("name") == "Bob"
    assert list(chain.verify()) == []


@pytest.mark.django_db(transaction=True)
def test_nothing_is_erased_outside_of_a_transaction(entry: AuditEntry) -> None:
    """The value would be gone, and no entry would say who erased it."""
    with pytest.raises(RuntimeError, match="transaction"):
        chain.erase(entry.request_id or 0, entry.seq, ["name"], "person:1", "asked for")
    before = entry.what
    entry.refresh_from_db()
    assert entry.what == before
    assert list(chain.verify()) == []


def test_what_nobody_erased_was_taken_away(entry: AuditEntry) -> None:
    entry.what["personal"]["note"] = commitments.erased(entry.what["personal"]["note"])
    entry.save()
    reason = "its note was taken away, and no entry says who erased it"
    assert list(chain.verify()) == [Broken(entry.request_id, entry.seq, reason)]


def test_that_one_value_was_erased_does_not_excuse_another(entry: AuditEntry) -> None:
    assert entry.request_id is not None
    with transaction.atomic():
        chain.erase(entry.request_id, entry.seq, ["name"], "person:1", "asked for")
    entry.refresh_from_db()
    entry.what["personal"]["note"] = commitments.erased(entry.what["personal"]["note"])
    entry.save()
    assert [broken.seq for broken in chain.verify(entry.request_id)] == [entry.seq]


def test_an_entry_cannot_erase_in_another_chain(entry: AuditEntry, alice: Person) -> None:
    other = start(SAMPLE, alice)
    with transaction.atomic():
        what = {"event": chain.ERASED, "entry": entry.seq, "names": ["name"], "why": ""}
        chain.append(other.pk, "person:1", what)
    entry.what["personal"]["name"] = commitments.erased(entry.what["personal"]["name"])
    entry.save()
    assert [broken.request_id for broken in chain.verify()] == [entry.request_id]


@pytest.mark.parametrize(
    "other",
    [
        None, 1, "x", [], {}, {"value": "Bob"}, {"salt": "00" * 16}, {"salt": "00" * 15, "value": "Bob"},
        {"salt": "zz" * 16, "value": "Bob"}, {"salt": "00" * 16, "value": "Bob", "more": 1},
        {"erased": "0" * 63}, {"erased": "G" * 64}, {"erased": 1}, {"erased": "0" * 64, "value": "Bob"},
        {"erased": "0" * 64},
    ],
)  # fmt: skip
def test_anything_else_in_its_place_is_a_change(other: Any, entry: AuditEntry) -> None:
    entry.what["personal"]["name"] = other
    entry.save()
    assert list(chain.verify()) == [Broken(entry.request_id, entry.seq, "its content was changed")]


@pytest.mark.parametrize(
    "other", [{}, {"value": "Bob"}, {"salt": "00" * 15, "value": "Bob"}, {"erased": "0" * 63}]
)
def test_what_is_no_commitment_is_not_erased(other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no commitment"):
        commitments.erased(other)


def test_a_name_that_is_moved_is_a_change(entry: AuditEntry) -> None:
    personal = entry.what["personal"]
    personal["name"], personal["note"] = personal["note"], personal["name"]
    entry.save()
    assert [broken.reason for broken in chain.verify()] == ["its content was changed"]


def test_a_request_says_whom_it_tells_of_in_commitments_only(alice: Person, bob: Person) -> None:
    request: Request = start(SAMPLE, alice, item="Desk for Eve")
    for entry in AuditEntry.objects.filter(request=request):
        open_part = {name: value for name, value in entry.what.items() if name != "personal"}
        assert not any(word in str(open_part) for word in ("Desk", "alice@", "bob@", "Bob")), entry.what
