"""MACs begin in a record that was written without; and keys that are missing, others, or new."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.db import transaction
from django.db.models import F

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import Decision, Request, Visit
from placet.approvals.verification import findings
from placet.audit import beginning, chain, mac
from placet.audit.models import AuditEntry, ChainHead, InstallationHead
from placet.lib import keys
from placet.lib.keys import KeyTrouble
from tests.audit.before import all_as_before, as_before
from tests.making import SAMPLE, entries, make_mailbox, open_for, start

pytestmark = pytest.mark.django_db

BEFORE = (keys.SECRET_FILE, keys.ENCRYPTION_FILE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The keys of an installation from before."""
    made = tmp_path / "keys"
    made.mkdir()
    for name in BEFORE:
        shutil.copy(django_settings.PLACET.data_dir / "keys" / name, made / name)
    monkeypatch.setattr(
        django_settings, "PLACET", django_settings.PLACET.model_copy(update={"data_dir": tmp_path})
    )
    yield made
    keys.audit_keys.cache_clear()


@pytest.fixture
def before(alice: Person, bob: Person, carol: Person) -> Request:
    """One request that Bob approved and that waits for Carol, and one that was withdrawn, both as they were written
    before there were MACs; and something that happened to the installation."""
    make_mailbox()
    waits = start(SAMPLE, alice, "1250")
    engine.decide(open_for(bob).pk, by=bob, outcome="approve", comment="Good.", channel=Decision.Channel.PAGE)
    engine.withdraw(start(SAMPLE, alice).pk, alice)
    with transaction.atomic():
        chain.append_of_installation("person:1", {"event": "x"})
    all_as_before()
    return waits


def wrong() -> list[str]:
    return list(findings())


def test_a_record_from_before_holds_and_goes_on(
    before: Request, folder: Path, carol: Person, bob: Person
) -> None:
    old = AuditEntry.objects.count()
    beginning.ensure_macs()
    assert wrong() == []
    marked = chain.macs_began()
    of_installation = AuditEntry.objects.filter(request=None).count()
    assert marked is not None and (marked.what["entries"], marked.seq) == (old, of_installation)
    assert not ChainHead.objects.filter(mac=None).exists()
    assert not InstallationHead.objects.filter(mac=None).exists()
    engine.decide(open_for(carol).pk, by=carol, outcome="reject", channel=Decision.Channel.PAGE)
    start(SAMPLE, Person.objects.get(name__startswith="Alice"))
    assert wrong() == []
    assert {path.name for path in folder.iterdir()} == {*BEFORE, keys.AUDIT_FILE}
    assert keys.audit_keys(folder) and (folder / keys.AUDIT_FILE).stat().st_mode & 0o777 == 0o600


def test_it_begins_once(before: Request, folder: Path) -> None:
    beginning.ensure_macs()
    first = AuditEntry.objects.count()
    beginning.ensure_macs()
    assert AuditEntry.objects.count() == first


def test_a_new_installation_has_its_key_and_no_such_entry(folder: Path) -> None:
    keys.write_audit_key(folder / keys.AUDIT_FILE)
    beginning.ensure_macs()
    assert not AuditEntry.objects.exists()
    assert chain.first_form_until() == 0


def test_without_anything_to_mark_only_the_key_is_made(folder: Path) -> None:
    beginning.ensure_macs()
    assert not AuditEntry.objects.exists()
    assert mac.keys()


@pytest.mark.parametrize("when", ["before the database", "after the database"])
def test_a_beginning_that_was_interrupted_goes_on(
    when: str, before: Request, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_given: Any) -> None:
        raise KeyboardInterrupt

    if when == "before the database":
        monkeypatch.setattr(beginning, "_mark", killed)
    else:
        monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        beginning.ensure_macs()
    monkeypatch.undo()
    monkeypatch.setattr(
        django_settings, "PLACET", django_settings.PLACET.model_copy(update={"data_dir": folder.parent})
    )
    assert {path.name for path in folder.iterdir()} == {*BEFORE, beginning.BEGUN}
    beginning.ensure_macs()
    assert wrong() == []
    assert len(entries(chain.MACS_BEGIN)) == 1


# --- the boundary cannot be moved -------------------------------------------------------------------------


def first_form(number: int, seq: int, **values: Any) -> None:
    """A forged entry of the first form, and whatever follows it made to fit."""
    AuditEntry.objects.filter(request=number, seq=seq).update(**values)
    as_before_from(number)


def as_before_from(number: int | None) -> None:
    previous = chain.FIRST
    for entry in AuditEntry.objects.filter(request=number).order_by("seq"):
        entry.previous_hash, entry.mac = previous, None
        entry.hash = previous = chain.first_form_hash(entry)
        entry.save()
    heads = InstallationHead.objects.all() if number is None else ChainHead.objects.filter(request=number)
    heads.update(hash=previous)


def _later_as_old(request: Request) -> None:
    """New entries of a request are written as old ones."""
    as_before(request.pk)


def _old_anew(request: Request) -> None:
    """Old entries are made anew; the head that was marked stays as it is."""
    first_form(request.pk, 2, who="person:1000")


def _old_anew_without_mac(request: Request) -> None:
    first_form(request.pk, 2, who="person:1000")
    ChainHead.objects.filter(request=request.pk).update(mac=None)


def _cut_to_old(request: Request) -> None:
    """All that came since is cut."""
    until = chain.first_form_until()
    AuditEntry.objects.filter(request=request, pk__gt=until).delete()
    last = AuditEntry.objects.filter(request=request).order_by("-seq")[0]
    ChainHead.objects.filter(request=request).update(seq=last.seq, hash=last.hash, mac=None)


def _boundary_up(_request: Request) -> None:
    marked = chain.macs_began()
    assert marked is not None
    marked.what["last_entry"] += 1000
    marked.hash = chain._hash(marked)
    marked.save()
    InstallationHead.objects.update(hash=marked.hash)


def _second_boundary(_request: Request) -> None:
    """The one that counts is gone, and one that counts for more is put in its place, without the key."""
    marked = chain.macs_began()
    assert marked is not None
    marked.what["last_entry"] += 1000
    marked.hash = chain._hash(marked)
    marked.mac = mac.Key(b"m" * 32).mac("entry", marked.hash)
    marked.save()


def _no_boundary(_request: Request) -> None:
    """Everything as if MACs had never begun."""
    AuditEntry.objects.filter(pk__in=[one.pk for one in entries(chain.MACS_BEGIN)]).delete()
    all_as_before()
    last = AuditEntry.objects.filter(request=None).order_by("-seq")[0]
    InstallationHead.objects.update(seq=last.seq, hash=last.hash)


def _low_ids(request: Request) -> None:
    """New entries get ids that lie before the boundary, and the first form."""
    AuditEntry.objects.filter(request=None, seq=1).update(id=-1)
    for number, entry in enumerate(
        AuditEntry.objects.filter(pk__gt=chain.first_form_until(), request=request)
    ):
        AuditEntry.objects.filter(pk=entry.pk).update(id=-10 - number)
    as_before(request.pk)


@pytest.mark.parametrize(
    "tamper",
    [
        _later_as_old, _old_anew, _old_anew_without_mac, _cut_to_old, _boundary_up, _second_boundary, _no_boundary,
        _low_ids,
    ],
)  # fmt: skip
@pytest.mark.parametrize("restarted", [False, True])
def test_nothing_forged_passes_for_old(
    tamper: Callable[[Request], None],
    restarted: bool,
    before: Request,
    folder: Path,
    carol: Person,
    bob: Person,
) -> None:
    beginning.ensure_macs()
    engine.decide(open_for(carol).pk, by=carol, outcome="reject", channel=Decision.Channel.PAGE)
    assert wrong() == []
    tamper(before)
    if restarted:
        beginning.ensure_macs()  # a start makes nothing right
    assert wrong()


def test_behind_an_entry_with_a_mac_none_is_old_whatever_its_id(before: Request, folder: Path) -> None:
    """Ids are the database's: they can be changed like all that stands there."""
    beginning.ensure_macs()
    with transaction.atomic():
        for word in ("first", "second"):
            chain.append(before.pk, "person:1", {"event": word})
    last = AuditEntry.objects.filter(request=before).order_by("-seq")[0]
    AuditEntry.objects.filter(pk=last.pk).update(id=-1, mac=None, hash=chain.first_form_hash(last))
    reason = "it has no MAC, and is not from before there were any"
    assert list(chain.verify(before.pk)) == [chain.Broken(before.pk, last.seq, reason)]


def test_the_old_rule_still_finds_what_it_found(before: Request, folder: Path) -> None:
    beginning.ensure_macs()
    AuditEntry.objects.filter(request=before, seq=2).update(who="somebody")
    assert f"Request {before.number}: broken at entry 2: its content was changed" in wrong()


def test_states_are_compared_with_old_entries_too(before: Request, folder: Path) -> None:
    beginning.ensure_macs()
    for change in (
        {"state": "ended"}, {"result": "approved"}, {"created_at": F("created_at") - timedelta(days=1)},
    ):  # fmt: skip
        with transaction.atomic():
            Request.objects.filter(pk=before.pk).update(**change)
            assert len(wrong()) == 1, change
            transaction.set_rollback(True)
    Visit.objects.filter(request=before).update(result="reject")
    assert len(wrong()) == 1


# --- the key ----------------------------------------------------------------------------------------------


@pytest.fixture
def keyed(folder: Path, alice: Person, bob: Person) -> Path:
    keys.write_audit_key(folder / keys.AUDIT_FILE)
    start(SAMPLE, alice)
    assert wrong() == []
    return folder / keys.AUDIT_FILE


def read_anew() -> None:
    """As the next process does."""
    keys.audit_keys.cache_clear()


def test_a_key_that_is_missing_is_said_and_none_is_made(keyed: Path) -> None:
    keyed.unlink()
    read_anew()
    with pytest.raises(KeyTrouble, match=r"audit\.keys is missing.*placet restore"):
        beginning.ensure_macs()
    with pytest.raises(KeyTrouble, match=r"audit\.keys is missing.*placet restore"):
        beginning.check_macs()
    assert not keyed.exists() and not keyed.with_name(beginning.BEGUN).exists()


def test_another_key_is_said(keyed: Path) -> None:
    keyed.write_text(Fernet.generate_key().decode())
    read_anew()
    with pytest.raises(KeyTrouble, match="is not the one that the record was made with"):
        beginning.ensure_macs()
    assert "its MAC names a key that is not in keys/audit.keys" in wrong()[0]


@pytest.mark.parametrize("text", ["", "not a key\n", "c2hvcnQ=\n"])
def test_a_damaged_key_is_said(text: str, keyed: Path) -> None:
    keyed.write_text(text)
    read_anew()
    with pytest.raises(KeyTrouble, match=r"audit\.keys"):
        beginning.ensure_macs()


def test_a_new_key_in_front_makes_the_next_macs_and_the_older_one_still_proves(
    keyed: Path, alice: Person
) -> None:
    origin, old = mac.origin(), mac.newest().id
    keyed.write_text(f"{Fernet.generate_key().decode()}\n{keyed.read_text()}")
    read_anew()
    beginning.ensure_macs()
    newer = start(SAMPLE, alice)
    entry = AuditEntry.objects.filter(request=newer)[0]
    assert entry.mac is not None and entry.mac.partition(":")[0] == mac.newest().id != old
    assert mac.origin() == origin
    assert wrong() == []
    keyed.write_text(keyed.read_text().splitlines()[0])  # the older line is thrown away
    read_anew()
    beginning.check_macs()  # of the last entry the key is there
    assert any("names a key that is not in" in sentence for sentence in wrong())
