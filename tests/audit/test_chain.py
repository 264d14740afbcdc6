"""The record of a request: whatever was done to it behind Placet's back is found, and where it begins."""

import hashlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.accounts.models import Person
from placet.approvals.models import Request
from placet.audit import chain, mac
from placet.audit.chain import Broken
from placet.audit.models import AuditEntry, ChainHead, InstallationHead
from placet.lib import rows
from placet.lib.canonical import canonical, digest
from tests.making import SAMPLE, make_mailbox, start

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_(alice: Person, bob: Person) -> Request:
    """One request with five entries: three of its start, two of ours."""
    request = start(SAMPLE, alice)
    with transaction.atomic():
        for word in ("first", "second"):
            chain.append(request.pk, "system", {"event": word, "n": 1, "list": ["é", None, True]})
    assert AuditEntry.objects.filter(request=request).count() == 5
    return request


OTHER_END = "it is not the entry that the chain ended with"
FORGED = "its MAC was not made by Placet"
OTHER_KEY = "its MAC names a key that is not in keys/audit.keys"
CHANGED = "its content was changed"


def entry(request: Request, seq: int) -> AuditEntry:
    return AuditEntry.objects.get(request=request, seq=seq)


def change(request: Request, seq: int, /, **values: Any) -> int:
    return AuditEntry.objects.filter(request=request, seq=seq).update(**values)


def rehash(request: Request, seq: int) -> int:
    """What somebody does who knows how the hash is made, and has no key."""
    content = entry(request, seq)
    what = dict(content.what)
    personal = {
        name: hashlib.sha256(bytes.fromhex(one["salt"]) + canonical(one["value"])).hexdigest()
        for name, one in what.pop("personal", {}).items()
    }
    return change(
        request,
        seq,
        hash=digest(
            {
                "form": 2,
                "request": content.request_id,
                "seq": content.seq,
                "at": content.at.astimezone(UTC).isoformat(timespec="microseconds"),
                "who": content.who,
                "what": what,
                "personal": personal,
                "previous": content.previous_hash,
            }
        ),
    )


def of_first_form(request: Request, seq: int) -> None:
    """As if it were from before there were MACs."""
    content = entry(request, seq)
    change(request, seq, mac=None, hash=chain.first_form_hash(content))


def cut(request: Request, last: int) -> None:
    """What comes after `last` never was: the note says so, too."""
    AuditEntry.objects.filter(request=request, seq__gt=last).delete()
    ChainHead.objects.filter(request=request).update(seq=last, hash=entry(request, last).hash)


def swap(request: Request, one: int, other: int) -> None:
    change(request, one, seq=1000)
    change(request, other, seq=one)
    change(request, 1000, seq=other)


def test_a_chain_that_nobody_touched_holds(request_: Request) -> None:
    assert list(chain.verify()) == []
    assert list(chain.verify(request_.pk)) == []
    assert entry(request_, 1).previous_hash == chain.FIRST
    assert [entry(request_, seq).previous_hash for seq in range(2, 6)] == [
        entry(request_, seq).hash for seq in range(1, 5)
    ]


def test_a_record_of_the_installation_without_its_note_is_broken(db: None) -> None:
    assert list(chain.verify()) == [], "nothing has happened yet"
    with transaction.atomic():
        chain.append_of_installation("system", {"event": "x"})
    InstallationHead.objects.all().delete()
    assert list(chain.verify()) == [Broken(None, 2, "the note of where the chain ends is missing")]


@pytest.mark.parametrize(
    ("tamper", "seq", "reason"),
    [
        (lambda r: change(r, 3, what={"event": "decided"}), 3, "its content was changed"),
        (lambda r: change(r, 3, who="person:1000"), 3, "its content was changed"),
        (lambda r: change(r, 3, at=F("at") + timedelta(microseconds=1)), 3, "its content was changed"),
        (lambda r: change(r, 1, what={"event": "started"}), 1, "its content was changed"),
        (lambda r: change(r, 5, what={"event": "ended"}), 5, "its content was changed"),
        (lambda r: change(r, 3, hash="0" * 64), 3, "its content was changed"),
        (lambda r: entry(r, 3).delete(), 3, "entry 3 is missing"),
        (lambda r: entry(r, 1).delete(), 1, "entry 1 is missing"),
        (lambda r: entry(r, 5).delete(), 5, "entry 5 is missing"),
        (lambda r: AuditEntry.objects.filter(request=r, seq__gte=4).delete(), 4, "entry 4 is missing"),
        (lambda r: AuditEntry.objects.filter(request=r).delete(), 1, "entry 1 is missing"),
        (lambda r: swap(r, 2, 3), 2, "it does not follow the entry before it"),
        (lambda r: swap(r, 1, 5), 1, "it does not follow the entry before it"),
        (lambda r: (change(r, 3, what={}), rehash(r, 3)), 3, FORGED),
        (lambda r: (change(r, 5, what={}), rehash(r, 5)), 5, FORGED),
        (lambda r: change(r, 5, mac=entry(r, 4).mac), 5, FORGED),
        (lambda r: change(r, 5, mac=f"{entry(r, 5).mac}:"), 5, FORGED),
        (lambda r: change(r, 5, mac="0" * 73), 5, OTHER_KEY),
        (lambda r: change(r, 5, mac=""), 5, OTHER_KEY),
        (lambda r: change(r, 2, mac=None), 2, "its content was changed"),
        (lambda r: of_first_form(r, 5), 5, "it has no MAC, and is not from before there were any"),
        (lambda r: of_first_form(r, 1), 1, "it has no MAC, and is not from before there were any"),
        (lambda r: ChainHead.objects.update(seq=4), 5, OTHER_END),
        (lambda r: ChainHead.objects.update(seq=6), 6, "entry 6 is missing"),
        (lambda r: ChainHead.objects.update(hash="0" * 64), 5, OTHER_END),
        (lambda r: ChainHead.objects.update(mac=None), 5, "the note that the chain ends with it has no MAC"),
        (
            lambda r: ChainHead.objects.update(mac=entry(r, 5).mac),
            5,
            f"of the note that the chain ends with it: {FORGED}",
        ),
        (lambda r: cut(r, 4), 4, f"of the note that the chain ends with it: {FORGED}"),
        (lambda r: change(r, 3, what=[]), 3, "its content was changed"),
        (lambda r: change(r, 3, what="x"), 3, "its content was changed"),
        (lambda r: change(r, 3, what={"personal": 1}), 3, "its content was changed"),
        (lambda r: change(r, 3, what={"personal": {"x": {"salt": "z" * 32, "value": 1}}}), 3, CHANGED),
        (lambda r: (entry(r, 5).delete(), ChainHead.objects.update(seq=4)), 4, OTHER_END),
        (lambda r: ChainHead.objects.all().delete(), 6, "the note of where the chain ends is missing"),
        (
            lambda r: (AuditEntry.objects.filter(request=r).delete(), ChainHead.objects.all().delete()),
            1,
            "entry 1 is missing",
        ),
        (lambda r: change(r, 3, seq=7), 3, "entry 3 is missing"),
    ],
)
def test_the_first_broken_link_is_named(
    request_: Request, tamper: Callable[[Request], object], seq: int, reason: str
) -> None:
    tamper(request_)
    assert list(chain.verify()) == [Broken(request_.pk, seq, reason)]
    assert list(chain.verify(request_.pk)) == [Broken(request_.pk, seq, reason)]


def test_an_entry_moved_to_another_request_breaks_both(request_: Request, alice: Person) -> None:
    other = start(SAMPLE, alice)
    last = entry(request_, 5)
    AuditEntry.objects.filter(pk=last.pk).update(request=other, seq=4)
    assert list(chain.verify()) == [
        Broken(request_.pk, 5, "entry 5 is missing"),
        Broken(other.pk, 4, "it does not follow the entry before it"),
    ]


def test_one_broken_chain_does_not_hide_the_next(request_: Request, alice: Person) -> None:
    other = start(SAMPLE, alice)
    change(request_, 2, who="x")
    change(other, 1, who="x")
    assert [(broken.request_id, broken.seq) for broken in chain.verify()] == [(request_.pk, 2), (other.pk, 1)]
    assert [broken.request_id for broken in chain.verify(other.pk)] == [other.pk]


@pytest.mark.django_db(transaction=True)
def test_an_entry_belongs_into_a_transaction(alice: Person, bob: Person) -> None:
    request = start(SAMPLE, alice)
    with pytest.raises(RuntimeError, match="transaction"):
        chain.append(request.pk, "system", {"event": "x"})
    assert list(chain.verify()) == []


def test_two_entries_with_one_number_cannot_be(request_: Request) -> None:
    twin = entry(request_, 3)
    twin.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)


def test_two_that_append_after_the_same_entry_do_not_both_succeed(request_: Request) -> None:
    ChainHead.objects.filter(request=request_).update(seq=F("seq") - 1)  # what the slower one had read
    with pytest.raises(IntegrityError), transaction.atomic():
        chain.append(request_.pk, "system", {"event": "x"})


@pytest.mark.django_db(transaction=True)
def test_appending_at_the_same_instant_leaves_a_chain_that_holds(alice: Person, bob: Person) -> None:
    make_mailbox()
    request = start(SAMPLE, alice)
    before = AuditEntry.objects.count()
    barrier = threading.Barrier(4)
    refused: list[Exception] = []

    def append(word: int) -> None:
        try:
            barrier.wait(120)
            for number in range(10):
                with transaction.atomic():
                    # As the engine does: the request is locked first.
                    Request.objects.select_for_update().get(pk=request.pk)
                    chain.append(request.pk, "system", {"event": "x", "by": word, "n": number})
        except IntegrityError as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=append, args=(word,)) for word in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert refused == []
    assert AuditEntry.objects.count() == before + 40
    assert list(chain.verify()) == []


# --- several at once ------------------------------------------------------------------------------------------


def test_what_is_appended_together_is_written_by_one_statement(request_: Request) -> None:
    with transaction.atomic(), CaptureQueriesContext(connection) as captured, chain.together():
        one = chain.append(request_.pk, "system", {"event": "one"})
        with chain.together():
            other = chain.append(request_.pk, "system", {"event": "other"}, personal={"name": "Bob"})
        assert not AuditEntry.objects.filter(seq__gt=5).exists()
    assert [query["sql"].split()[0] for query in captured.captured_queries].count("INSERT") == 1
    assert [entry(request_, seq).pk for seq in (6, 7)] == [one.pk, other.pk]
    assert list(chain.verify()) == []


def test_chains_of_several_requests_go_on_each_by_itself(request_: Request, alice: Person) -> None:
    second = start(SAMPLE, alice)
    with transaction.atomic(), chain.together():
        for word in ("a", "b"):
            for request in (request_, second):
                chain.append(request.pk, "system", {"event": word})
    assert [entry(request, seq).value("event") for request, seq in ((request_, 7), (second, 5))] == ["b", "b"]
    assert list(chain.verify()) == []


def test_of_what_fails_nothing_is_written_then_or_later(request_: Request) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic(), chain.together():
        chain.append(request_.pk, "system", {"event": "lost"})
        raise ZeroDivisionError
    assert AuditEntry.objects.filter(request=request_).count() == 5
    with transaction.atomic():
        chain.append(request_.pk, "system", {"event": "kept"})
    assert entry(request_, 6).value("event") == "kept"
    assert list(chain.verify()) == []


def test_of_what_is_taken_back_inside_nothing_is_written_with_the_rest(
    request_: Request, alice: Person
) -> None:
    second = start(SAMPLE, alice)
    with transaction.atomic(), chain.together():
        chain.append(request_.pk, "system", {"event": "before"})
        with pytest.raises(ZeroDivisionError), transaction.atomic(), chain.together():
            for number in (request_.pk, second.pk):
                chain.append(number, "system", {"event": "taken back"})
            raise ZeroDivisionError
        with pytest.raises(TypeError):
            chain.append(second.pk, "system", {"event": object()})
        chain.append(request_.pk, "system", {"event": "after"})
    assert [entry(request_, seq).value("event") for seq in (6, 7)] == ["before", "after"]
    assert AuditEntry.objects.filter(request=second).count() == 3
    assert list(chain.verify()) == []


def test_of_many_entries_each_statement_writes_some(request_: Request) -> None:
    """A database takes so many values in one, and what is kept of statements must not grow."""
    most = 2 * rows.AT_ONCE + 1
    with transaction.atomic(), CaptureQueriesContext(connection) as captured, chain.together():
        entries = [chain.append(request_.pk, "system", {"event": "asked", "n": n}) for n in range(most)]
    written = [query["sql"] for query in captured.captured_queries if query["sql"].startswith("INSERT")]
    assert len(written) == 3
    assert [one.pk for one in entries] == [entry(request_, 6 + n).pk for n in range(most)]
    assert list(chain.verify()) == []


texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
)  # what both databases keep
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


def test_whatever_an_entry_holds_reads_back_as_it_was_hashed(request_: Request) -> None:
    @given(json_values, st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.integers(-720, 720))  # noqa: DTZ001 - the strategy wants them bare
    @settings(deadline=None, max_examples=50)
    def holds(value: Any, moment: datetime, minutes: int) -> None:
        at = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
        with transaction.atomic():
            chain.append(request_.pk, "system", {"event": "x", "value": value}, at)
        assert list(chain.verify(request_.pk)) == []

    holds()


@pytest.mark.django_db(transaction=True)
def test_one_request_is_verified_alone_and_in_no_transaction_of_the_callers(
    alice: Person, bob: Person
) -> None:
    """What looks broken is looked at again while nothing is written: the lock is in a transaction of its own."""
    whole, changed = start(SAMPLE, alice), start(SAMPLE, alice)
    with transaction.atomic():
        chain.append_of_installation("system", {"event": "x"})
    assert list(chain.verify()) == []
    change(changed, 2, who="person:1")
    assert not connection.in_atomic_block
    assert list(chain.verify(whole.pk)) == []
    assert list(chain.verify(changed.pk)) == list(chain.verify()) == [Broken(changed.pk, 2, CHANGED)]
    AuditEntry.objects.filter(request=None).update(who="person:1")
    assert list(chain.verify(whole.pk)) == []
    assert [broken.request_id for broken in chain.verify()] == [None, changed.pk]


@pytest.mark.django_db(transaction=True)
def test_what_looks_broken_stands_still_while_it_is_looked_at_again(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = start(SAMPLE, alice)
    with transaction.atomic():
        chain.append_of_installation("system", {"event": "x"})
    change(request, 2, who="person:1")
    walk, looks = chain._walk, list[tuple[int | None, bool]]()

    def looking(request_id: int | None, *given: Any) -> Any:
        looks.append((request_id, connection.in_atomic_block))
        return walk(request_id, *given)

    monkeypatch.setattr(chain, "_walk", looking)
    assert list(chain.verify())
    assert looks == [(None, True), (request.pk, False), (request.pk, True)]


def test_broken_chains_are_named_in_the_order_of_their_requests(request_: Request, alice: Person) -> None:
    others = [start(SAMPLE, alice) for _ in range(3)]
    for other in others:
        AuditEntry.objects.filter(request=other).delete()
        ChainHead.objects.filter(request=other).delete()
    assert [broken.request_id for broken in chain.verify()] == sorted(other.pk for other in others)


def test_before_there_were_macs_no_entry_goes_without_one(request_: Request) -> None:
    assert chain.macs_began() is None
    assert chain.first_form_until() == 0


# --- what is written once is proved by every later version ----------------------------------------------------


def test_a_mac_is_made_as_ever() -> None:
    key = mac.Key(bytes(range(32)))
    assert key.mac("entry", "0" * 64) == (
        "26f5b05a:31e5673cb4496aa0d39d44f5916a856f2011beac9ca8f968b3d516c6db5dfc2c"
    )
    assert chain.head_mac(key, 7, 3, "f" * 64) == (
        "26f5b05a:788ae9a39e47f35c2b0afc21d0bf0935347039b8d1ce10c76096694836abca77"
    )
    assert chain.head_mac(key, None, 3, "f" * 64) == (
        "26f5b05a:756247a288cfee9031d1cc5232b621ba76d000d37bc44b6217770f252d1cf13a"
    )


def test_the_hash_of_the_first_form_is_made_as_ever() -> None:
    old = AuditEntry(
        request_id=7,
        seq=2,
        at=datetime(2026, 11, 24, 9, 0, tzinfo=timezone(timedelta(hours=1))),
        who="person:1",
        what={"event": "started", "list": ["é", None]},
        previous_hash="0" * 64,
    )
    assert chain.first_form_hash(old) == hashlib.sha256(
        '{"at":"2026-11-24T08:00:00.000000+00:00","previous":"%s","request":7,"seq":2,'
        '"what":{"event":"started","list":["é",null]},"who":"person:1"}'.encode() % (b"0" * 64)
    ).hexdigest()  # fmt: skip
