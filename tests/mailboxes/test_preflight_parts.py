"""The pre-flight over halves of a mailbox, as two kinds that share one, or one alone, give them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from types import SimpleNamespace
from typing import Any, cast

import pytest

from placet.mailboxes import preflight
from placet.mailboxes.base import Action, Check, FixNeeded, MailboxError, Refused, Wait
from placet.mailboxes.joined import Joined
from placet.mailboxes.memory import MemoryMailbox
from placet.mailboxes.preflight import Listed, Preflight, ReceivingProbe, SendingProbe, Step, failed, passed
from placet.mailboxes.settings import MailboxSettings

from .sandboxed import LONG_AGO
from .stub import mark_one

BOX = "approvals@contoso.example"
WITHOUT_PLUS = MailboxSettings(username=BOX, plus_addressing=False)


@pytest.fixture(autouse=True)
def seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds pass only by sleeping."""
    passed_by = [0.0]

    def sleep(seconds: float) -> None:
        passed_by[0] += seconds

    monkeypatch.setattr(preflight, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: passed_by[0]))


def well() -> Check:
    return passed("Well.", {})


@dataclass
class Receiving(ReceivingProbe):
    """Over a mailbox in memory."""

    box: MemoryMailbox
    opens: Callable[[], Check] = well
    settings: MailboxSettings = WITHOUT_PLUS
    arrived: Sequence[str] = ()

    def before(self) -> list[Step]:
        return [Step("open", self.opens)]

    def after(self, arrived: Sequence[str], others: Sequence[str]) -> list[Step]:
        def look() -> Check:
            self.arrived = arrived
            return failed("Nothing is marked.", "Ask for another proof.")

        return [Step("stamps", look, "Mail is stamped"), Step("last", well, "The last one")]

    def arrivals(self, limit: int) -> Iterator[Listed]:
        for mail in self.box.connect().changes({}, LONG_AGO, limit).seen:
            [raw] = [entry.raw for entry in self.box._log if entry.server_id == mail.server_id]
            yield Listed(mail.server_id, str(message_from_bytes(raw)["Subject"]))

    def delete(self, id_: str) -> None:
        mark_one(self.box.connect(), id_, Action.DELETE, "")


@dataclass
class Sending(SendingProbe):
    """Hands what is sent to the mailbox in memory, if it is for one of `addresses`."""

    box: MemoryMailbox
    addresses: Sequence[str] = (BOX,)
    refusal: Exception | None = None
    explanations: list[str] = field(default_factory=list)

    def before(self) -> list[Step]:
        return [Step("smtp_open", well, "Server takes mail")]

    def explained(self, key: str, error: MailboxError) -> MailboxError:
        self.explanations.append(key)
        error.cause += " The server says so."
        return error

    def send(self, raw: bytes, reference: str) -> None:
        if self.refusal:
            raise self.refusal
        if message_from_bytes(raw)["To"] in self.addresses:
            self.box.deliver(raw)


def checked(run: Preflight, others: Sequence[str] = ()) -> Mapping[str, Check]:
    checks = {check.key: check for check in run(others)}
    assert all(
        check.title and (check.found if check.ok else check.cause and check.cure) for check in checks.values()
    )
    return checks


def test_two_halves_are_checked_one_after_the_other_and_then_as_one() -> None:
    box = MemoryMailbox()
    receiving = Receiving(box)
    run = Preflight(receiving, Sending(box))
    checks = checked(run)
    assert list(checks) == list(run.steps()) == ["open", "smtp_open", "send", "stamps", "last", "cleanup"]
    assert [check.title for check in checks.values()] == list(run.steps().values())
    assert [key for key, check in checks.items() if not check.ok] == ["stamps"], (
        "the next is tried all the same"
    )
    assert len(receiving.arrived) == 1
    assert not any(box.present(mail.server_id) for mail in box._log)


@pytest.mark.parametrize("half", ["receiving", "sending"])
def test_one_half_alone_sends_nothing(half: str) -> None:
    box = MemoryMailbox()
    run = Preflight(receiving=Receiving(box)) if half == "receiving" else Preflight(sending=Sending(box))
    assert list(checked(run)) == list(run.steps()) == ["open" if half == "receiving" else "smtp_open"]
    assert not box._log


def test_a_kind_that_does_both_is_asked_once() -> None:
    class Both(Receiving, Sending):
        def __init__(self, box: MemoryMailbox) -> None:
            Receiving.__init__(self, box)
            self.addresses, self.refusal = (BOX,), None

        def explained(self, key: str, error: MailboxError) -> MailboxError:
            return error

    probe = Both(MemoryMailbox())
    assert list(checked(Preflight(probe, probe))) == ["open", "send", "stamps", "last", "cleanup"]


def test_what_the_first_steps_find_wrong_ends_the_check_with_the_command_that_cures_it() -> None:
    box = MemoryMailbox()

    def closed() -> Check:
        raise FixNeeded("It is closed.", "Open it.", {"command": "open --it", "code": "E1"})

    sending = Sending(box)
    checks = checked(Preflight(Receiving(box, closed), sending))
    assert list(checks) == ["open"]
    assert checks["open"].cause == "It is closed. The server says so."
    assert checks["open"].command == "open --it"
    assert checks["open"].facts == {"code": "E1"}
    assert sending.explanations == ["open"]


@pytest.mark.parametrize("error", [Refused("Too large.", "552"), Wait("Busy.", "Wait.")])
def test_a_mail_that_is_not_taken_fails_its_step_and_the_check_cleans_up(error: Exception) -> None:
    box = MemoryMailbox()
    checks = checked(Preflight(Receiving(box), Sending(box, refusal=error)))
    assert list(checks) == ["open", "smtp_open", "send", "cleanup"]
    assert not checks["send"].ok and checks["cleanup"].ok


def test_a_plus_address_that_is_lost_has_the_advice_of_its_kind() -> None:
    box, settings = MemoryMailbox(), MailboxSettings(username=BOX)
    checks = checked(Preflight(Receiving(box, settings=settings), Sending(box)))
    assert checks["send"].ok and not checks["plus"].ok
    assert checks["plus"].cure == Receiving(box).about_plus().cure
    assert "+placet-check@" in checks["plus"].cause


def test_whoever_goes_away_leaves_nothing_in_the_mailbox() -> None:
    box = MemoryMailbox()
    checks = Preflight(Receiving(box), Sending(box))()
    while next(checks).key != "send":
        pass
    assert any(box.present(mail.server_id) for mail in box._log)
    checks.close()
    assert not any(box.present(mail.server_id) for mail in box._log)


def test_two_kinds_that_share_a_mailbox_are_checked_as_one() -> None:
    box = MemoryMailbox()

    class Half:
        """A connection, of which only the check is asked."""

        def __init__(self, probe: Receiving | Sending) -> None:
            self._probe = probe

        def probe(self) -> Receiving | Sending:
            return self._probe

    joined: Any = Joined(cast("Any", Half(Receiving(box))), cast("Any", Half(Sending(box))))
    assert list(joined.steps()) == ["open", "smtp_open", "send", "stamps", "last", "cleanup"]
    assert [check.key for check in joined.check()] == list(joined.steps())
