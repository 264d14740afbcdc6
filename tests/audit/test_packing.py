"""What audit entries say is compressed where it lies, and is what it was."""

import os
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import Decision
from placet.audit import chain, packing
from placet.audit.models import AuditEntry
from placet.lib.compression import Damaged
from placet.lib.fields import HexField
from tests.making import SAMPLE, make_mailbox, open_for, start

hexadecimal = st.sampled_from([15, 16, 32]).map(lambda size: os.urandom(size).hex())
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | hexadecimal | st.uuids().map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | hexadecimal, inner, max_size=4),
)


@given(values)
def test_whatever_an_entry_says_comes_back(what: Any) -> None:
    assert packing.unpacked(packing.packed(what)) == what


def test_hashes_salts_and_ids_are_kept_as_their_bytes() -> None:
    what = {"a": "ab" * 32, "b": "cd" * 16, "c": "1d13378d-092d-424b-a660-53ef6a82adc1", "d": "AB" * 32}
    text, apart = packing.without_hashes(what)
    assert text == b'{"a":\x01,"b":\x02,"c":\x03,"d":"' + b"AB" * 32 + b'"}'
    assert len(apart) == 32 + 16 + 16


def test_what_an_earlier_version_kept_is_read() -> None:
    assert packing.unpacked(b'{"event": "asked", "line": 1}') == {"event": "asked", "line": 1}


def test_what_is_no_packed_entry_is_damaged() -> None:
    good = packing.packed({"event": "asked", "code": "ab" * 32})
    for bad in (good[:3], good[:-1], packing.MARK, good[:1] + b"\x4d" + good[2:], b"{", good + b"x"):
        with pytest.raises(Damaged):
            packing.unpacked(bad)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("ab" * 32, 32), (f"0123abcd:{'ef' * 32}", 36), ("", 1), ("AB" * 32, 65), ("x" * 31, 33), ("x" * 35, 37),
        ("é" * 16, 33),
    ],
)  # fmt: skip
def test_a_hash_is_kept_as_its_bytes_and_other_text_as_it_is(text: str, size: int) -> None:
    kept = HexField().packed(text)
    assert len(kept) == size
    assert HexField().unpacked(kept) == text
    assert HexField().unpacked(text.encode()) == text or len(text.encode()) in (32, 36)


@pytest.fixture
def request_id(alice: Person, bob: Person) -> int:
    make_mailbox()
    request = start(SAMPLE, alice)
    engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    return request.pk


@pytest.mark.django_db
def test_a_chain_takes_little_room(request_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT LENGTH(what), LENGTH(hash), LENGTH(mac) FROM audit_auditentry WHERE seq = 2")
        assert cursor.fetchone() < (30, 33, 37)
    assert list(chain.verify(request_id)) == []


@pytest.mark.django_db
@pytest.mark.skipif("connection.vendor == 'postgresql'", reason="there the migration writes the table anew")
def test_a_chain_from_before_holds_and_goes_on(request_id: int, bob: Person) -> None:
    """As SQLite keeps it after the migration: text in every column."""
    import json

    with connection.cursor() as cursor:
        for entry in AuditEntry.objects.all():
            cursor.execute(
                "UPDATE audit_auditentry SET what = %s, hash = %s, previous_hash = %s, mac = %s WHERE id = %s",
                [json.dumps(entry.what), entry.hash, entry.previous_hash, entry.mac, entry.pk],
            )
        cursor.execute("SELECT typeof(what), typeof(hash) FROM audit_auditentry")
        assert cursor.fetchone() == ("text", "text")
    assert list(chain.verify(request_id)) == []


@pytest.mark.django_db
def test_an_entry_that_cannot_be_read_any_more_is_named(request_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_auditentry SET what = %s WHERE seq = 3",
            [connection.Database.Binary(packing.MARK + b"x")],  # type: ignore[attr-defined]
        )
    assert list(chain.verify(request_id)) == [chain.Broken(request_id, 3, "its content was changed")]
