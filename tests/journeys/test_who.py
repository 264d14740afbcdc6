"""Who may decide: each mail here carries a valid reply code, and none of them is the answer of the person asked.

Nothing is decided, strangers hear nothing, the person asked hears of it once at most, the administrator sees
it, the mail stays where it is, and then the real reply still decides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import pytest
import yaml

from placet.approvals.models import Ask, Decision, Request, Visit
from placet.approvals.processes import publish
from placet.audit import chain
from placet.commands.process import SAMPLES
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.sandbox.delivery import AuthResults
from placet.sandbox.server import Mail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.elsewhere import Elsewhere
from tests.journeys.letters import INTERNAL, answer, code_of, letter, reply_to
from tests.making import entry_of

EVERY_KIND = True

pytestmark = pytest.mark.django_db

BOB = f"bob@{DOMAIN}"
APPROVALS = f"approvals@{DOMAIN}"
MALLORY = "mallory@evil.example"
FAILED = AuthResults(spf="fail", dkim="none", dmarc="fail")

Forger = Callable[[World, Mail], Any]


# --- forgeries ----------------------------------------------------------------------------------------------


def a_colleague(world: World, asked: Mail) -> None:
    world.sandbox.send_as("dave", answer(asked, f"Dave Daveson <dave@{DOMAIN}>"))


def the_requester(world: World, asked: Mail) -> None:
    world.sandbox.send_as("alice", answer(asked, f"alice@{DOMAIN}"))


def an_outsider(world: World, asked: Mail) -> None:
    world.sandbox.deliver(answer(asked, MALLORY), mail_from=MALLORY)


def an_outsider_with_the_name_of_the_person_asked(world: World, asked: Mail) -> None:
    world.sandbox.deliver(answer(asked, f'"Bob Bobson ({BOB})" <{MALLORY}>'), mail_from=MALLORY)


def an_outsider_with_the_address_of_the_person_asked(world: World, asked: Mail) -> None:
    world.sandbox.deliver(answer(asked, f"Bob Bobson <{BOB}>"), mail_from=MALLORY, results=FAILED)


def a_planted_auth_as(world: World, asked: Mail) -> None:
    world.sandbox.deliver(answer(asked, BOB, headers=INTERNAL), mail_from=MALLORY, results=FAILED)


def a_planted_auth_as_with_a_space_before_the_colon(world: World, asked: Mail) -> None:
    planted = [line.replace(":", " :") for line in INTERNAL]
    raw = answer(asked, BOB, headers=["X-MS-Exchange-Organization-AuthAs: Anonymous", *planted])
    world.sandbox.place("approvals", raw)


def planted_authentication_results(world: World, asked: Mail) -> None:
    planted = (
        f"Authentication-Results: spf=pass smtp.mailfrom={DOMAIN}; dkim=pass header.d={DOMAIN}; "
        f"dmarc=pass action=none header.from={DOMAIN}; compauth=pass reason=100"
    )
    raw = answer(asked, BOB, headers=[planted])
    world.sandbox.deliver(raw, mail_from=MALLORY, results=FAILED)


def a_stamp_of_another_tenant(world: World, asked: Mail) -> None:
    raw = answer(asked, BOB, headers=["X-MS-Exchange-CrossTenant-AuthAs: Internal"])
    world.sandbox.deliver(
        raw,
        mail_from=MALLORY,
        results=FAILED,
        sender_tenant_id="5d3c2b1a-0000-4000-8000-000000000000",
    )


def two_auth_as_headers(world: World, asked: Mail) -> None:
    headers = [*INTERNAL, "X-MS-Exchange-Organization-AuthAs: Anonymous"]
    world.sandbox.place("approvals", answer(asked, BOB, headers=headers))


def two_auth_as_headers_that_both_say_internal(world: World, asked: Mail) -> None:
    world.sandbox.place("approvals", answer(asked, BOB, headers=[*INTERNAL, INTERNAL[0]]))


def no_auth_as_header(world: World, asked: Mail) -> None:
    world.sandbox.place("approvals", answer(asked, BOB))


def an_auth_as_header_in_the_mail_only(world: World, asked: Mail) -> None:
    # The header block as it arrived is what the server knows; the mail's own is rebuilt from a store.
    raw = answer(asked, BOB, headers=INTERNAL)
    arrived = answer(asked, BOB).partition(b"\r\n\r\n")[0].decode() + "\r\n"
    world.sandbox.place("approvals", raw, transport_headers=arrived)


def a_mechanism_that_nobody_confirmed(world: World, asked: Mail) -> None:
    headers = [INTERNAL[0], "X-MS-Exchange-Organization-AuthMechanism: 0b"]
    world.sandbox.place("approvals", answer(asked, BOB, headers=headers))


def no_mechanism(world: World, asked: Mail) -> None:
    world.sandbox.place("approvals", answer(asked, BOB, headers=INTERNAL[:1]))


def somebody_the_ask_was_forwarded_to(world: World, asked: Mail) -> None:
    text = f"Can you answer this?\n\n-----Original Message-----\n{asked.text}"
    world.sandbox.send_as("bob", to=f"dave@{DOMAIN}", subject=f"FW: {asked.subject}", text=text)
    forwarded = world.newest("dave", "FW:")
    world.sandbox.reply_as("dave", forwarded.id, "approve", to=[reply_to(asked)])


def a_delegate_on_behalf(world: World, asked: Mail) -> None:
    world.sandbox.allow_on_behalf("bob", "dave")
    world.sandbox.send_as("dave", answer(asked, BOB))


def two_from_headers_from_outside(world: World, asked: Mail) -> None:
    world.sandbox.deliver(answer(asked, BOB, MALLORY), mail_from=MALLORY)


def from_line(*senders: str) -> Forger:
    """A From line of doubtful reading, with the strongest stamps: the line alone must be enough to refuse."""

    def forge(world: World, asked: Mail) -> None:
        world.sandbox.place("approvals", world.proved(answer(asked, *senders)))

    return forge


def in_the_name_of_bob(world: World, asked: Mail) -> None:
    """Dave, signed in as himself. Gmail makes it a mail of his own; Exchange refuses it (`on behalf of Bob`)."""
    world.sandbox.send_as("dave", answer(asked, BOB))


def a_planted_session(world: World, asked: Mail) -> None:
    """What the server would write of Bob's own mail, below what it writes of this one."""
    world.sandbox.deliver(world.proved(answer(asked, BOB)), mail_from=MALLORY)


FORGERIES: dict[str, tuple[Forger, str]] = {
    "a colleague": (a_colleague, "not_the_one_asked"),
    "the requester": (the_requester, "not_the_one_asked"),
    "an outsider": (an_outsider, "not_the_one_asked"),
    "an outsider with Bob's name": (an_outsider_with_the_name_of_the_person_asked, "not_the_one_asked"),
    "an outsider with Bob's address": (an_outsider_with_the_address_of_the_person_asked, "not_proved"),
    "a planted AuthAs": (a_planted_auth_as, "not_proved"),
    "a planted AuthAs with a space": (a_planted_auth_as_with_a_space_before_the_colon, "two_readings"),
    "planted Authentication-Results": (planted_authentication_results, "not_proved"),
    "a stamp of another tenant": (a_stamp_of_another_tenant, "not_proved"),
    "two AuthAs headers": (two_auth_as_headers, "not_proved"),
    "two AuthAs headers, both Internal": (two_auth_as_headers_that_both_say_internal, "not_proved"),
    "no AuthAs header": (no_auth_as_header, "not_proved"),
    "an AuthAs header in the mail only": (an_auth_as_header_in_the_mail_only, "not_proved"),
    "an unconfirmed mechanism": (a_mechanism_that_nobody_confirmed, "mechanism_not_confirmed"),
    "no mechanism": (no_mechanism, "mechanism_not_confirmed"),
    "forwarded to a colleague": (somebody_the_ask_was_forwarded_to, "not_the_one_asked"),
    "on behalf of Bob": (a_delegate_on_behalf, "sender_unclear"),
    "two From headers from outside": (two_from_headers_from_outside, "two_readings"),
    "two From headers": (from_line(BOB, MALLORY), "two_readings"),
    "two From headers, Bob's last": (from_line(MALLORY, BOB), "two_readings"),
    "two From headers, both Bob's": (from_line(BOB, BOB), "two_readings"),
    "Bob's address as a name": (from_line(f"{BOB} <{MALLORY}>"), "sender_unclear"),
    "Bob's address as a quoted name": (from_line(f'"{BOB}" <{MALLORY}>'), "not_the_one_asked"),
    "Bob's address in brackets as a name": (from_line(f"<{BOB}> <{MALLORY}>"), "sender_unclear"),
    "Bob's address after his": (from_line(f"{MALLORY} <{BOB}>"), "sender_unclear"),
    "Bob's address in a comment": (from_line(f"{MALLORY} ({BOB})"), "not_the_one_asked"),
    "two addresses": (from_line(f"{BOB}, {MALLORY}"), "sender_unclear"),
    "a group": (from_line(f"Approvers: {BOB};"), "sender_unclear"),
    "a quoted local part": (from_line(f'"bob"@{DOMAIN}'), "sender_unclear"),
    "a route": (from_line(f"<@evil.example:{BOB}>"), "sender_unclear"),
    "a letter that looks alike": (from_line(f"bоb@{DOMAIN}"), "sender_unclear"),  # Cyrillic
    "a longer domain": (from_line(f"{BOB}.evil.example"), "not_the_one_asked"),
    "a plus address": (from_line(f"bob+approvals@{DOMAIN}"), "not_the_one_asked"),
    "an empty From": (from_line(""), "sender_unclear"),
    "no From": (from_line(), "sender_unclear"),
}


#: What Exchange's marks come to where nobody would have written them.
BY_MARKS = {"mechanism_not_confirmed": "not_proved"}
ON_EXCHANGE_ALONE = ("on behalf of Bob", "a planted AuthAs with a space")


def forgeries(world: World) -> dict[str, tuple[Forger, str]]:
    """Those that there can be with the world's server, and what each comes to there."""
    if not isinstance(world.sandbox, Elsewhere):
        return FORGERIES
    tried = {
        name: (forge, BY_MARKS.get(result, result))
        for name, (forge, result) in FORGERIES.items()
        if name not in ON_EXCHANGE_ALONE
    }
    rewritten = world.way == "gmail"
    tried["in Bob's name"] = (in_the_name_of_bob, "not_the_one_asked" if rewritten else "not_proved")
    if not rewritten:  # a signature of Bob's domain is Bob's domain's, wherever it comes from
        tried["a planted session"] = (a_planted_session, "not_proved")
    return tried


def proof(world: World, level: str) -> None:
    """The sample process with another proof, published."""
    definition = yaml.safe_load((SAMPLES / "purchase.yaml").read_text())
    publish({**definition, "proof": world.level(level)})


@pytest.fixture
def world(world: World) -> World:
    world.sandbox.add_mailbox(MALLORY, outside=True)
    return world


def notices(name: str) -> int:
    return OutgoingMail.objects.filter(kind="code-misused", to=f"{name}@{DOMAIN}").count()


def strangers_heard(world: World) -> list[str]:
    """Subjects of the mails that left our mailbox for anybody but those who were asked or made the request."""
    known = {BOB, f"alice@{DOMAIN}"}
    sent = [(mail.subject, {mail.to}) for mail in OutgoingMail.objects.all()]
    assert sent, "the ask at least"
    sent += [(mail.subject, set(mail.recipients)) for mail in world.sandbox.mails("approvals", "sentitems")]
    return [subject for subject, to in sent if to - known]


def the_real_reply_decides(world: World, request: Request, asked: Mail) -> None:
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
    request.refresh_from_db()
    assert request.result == "approved"
    assert list(chain.verify()) == []


@pytest.mark.parametrize("level", ["colleague", "outside"])
def test_a_valid_code_from_somebody_else_decides_nothing_and_the_real_reply_still_counts(
    world: World, level: str
) -> None:
    """Each of the mails against an ask of its own, in one world."""
    proof(world, level)
    tried: list[Tried] = []
    for name, (forge, result) in forgeries(world).items():
        request, asked = world.asked(item=name)
        before = {world.id_of(mail) for mail in world.sandbox.mails("approvals")}
        forge(world, asked)
        (laid,) = {world.id_of(mail) for mail in world.sandbox.mails("approvals")} - before
        tried.append(Tried(name, request, asked, laid, result))
    world.run_until_quiet()
    for one in tried:
        assert_nothing_came_of_it(one)
    assert not Decision.objects.exists()
    assert world.open_for("bob") == len(tried)
    assert strangers_heard(world) == []
    warned = sum(one.warns for one in tried)
    assert notices("bob") == warned
    assert OutgoingMail.objects.count() == len(tried) + warned, "the asks and the notices, nothing else"
    left = {world.id_of(mail) for mail in world.sandbox.mails("approvals")}
    assert left == {one.laid for one in tried}, "left where they were"
    assert not ServerTask.objects.exists()
    for one in tried:
        world.sandbox.reply_as("bob", one.asked.id, "approve")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")] * len(tried)
    for one in tried:
        one.request.refresh_from_db()
        assert one.request.result == "approved", one.name
    assert list(chain.verify()) == []


@dataclass(frozen=True)
class Tried:
    """A forgery, and the ask that it was tried against."""

    name: str
    request: Request
    asked: Mail
    laid: str  # the id of the forged mail
    result: str  # what it must come to

    @property
    def warns(self) -> bool:
        return self.result != "two_readings"


def assert_nothing_came_of_it(one: Tried) -> None:
    kept = IncomingMail.objects.get(server_id=one.laid)
    assert (kept.result, kept.state) == (one.result, IncomingMail.State.HANDLED), one.name
    assert kept.verdict["shown"] is True, f"{one.name}: the administrator sees it"
    assert kept.person is None, f"{one.name}: nobody is known to have sent it"
    ask = Ask.objects.get(lines__assignment__visit__request=one.request)
    warnings = OutgoingMail.objects.filter(kind="code-misused", cause=f"ask:{ask.public_id}", to=BOB)
    assert warnings.count() == one.warns, one.name
    noted = entry_of("reply refused", incoming=kept.pk)
    assert noted.what["reason"] == one.result, one.name


def test_the_stamps_of_the_forgeries_are_those_that_prove_a_colleague(world: World) -> None:
    """So that what refuses the mails above is the one thing that is wrong with each."""
    _, asked = world.asked()
    world.sandbox.place("approvals", world.proved(answer(asked, f"Bob Bobson <{BOB.upper()}>")))
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


@pytest.mark.on_exchange(because="each of its forgeries goes over every kind above")
def test_after_a_hundred_forgeries_the_real_reply_counts_and_one_notice_was_sent(world: World) -> None:
    request, asked = world.asked()
    for forge, _ in islice(cycle(FORGERIES.values()), 100):
        forge(world, asked)
    world.run_until_quiet()
    assert IncomingMail.objects.count() == 100
    assert not Decision.objects.exists()
    assert notices("bob") == 1
    assert strangers_heard(world) == []
    the_real_reply_decides(world, request, asked)
    assert notices("bob") == 1


def test_the_notice_tells_the_person_asked_what_to_do_and_names_nobody(world: World) -> None:
    _, asked = world.asked()
    a_colleague(world, asked)
    an_outsider(world, asked)
    world.run_until_quiet()
    notice = world.newest("bob", "Somebody else answered")
    assert "It was not applied." in notice.text
    assert "Desk" in notice.text
    assert MALLORY not in notice.text
    assert "approve" not in notice.text, "nothing of what the stranger wrote"
    assert code_of(asked) not in notice.mime.decode(), "a notice is no second ask"


def test_whoever_may_have_answered_themselves_does_not_hear_that_somebody_else_did(world: World) -> None:
    _, asked = world.asked()
    world.sandbox.place(
        "approvals", answer(asked, f"Bob Bobson <{BOB}>")
    )  # and no server says that it was he
    world.run_until_quiet()
    assert world.decisions() == []
    notice = world.newest("bob", "An answer in your name")
    assert "nothing proves that you sent it" in notice.text
    assert not [mail for mail in world.sandbox.mails("bob") if "Somebody else" in mail.subject]


# --- which ask ----------------------------------------------------------------------------------------------


def two_asks(world: World) -> tuple[Mail, Mail]:
    """An ask of Carol about one request and one of Bob about another."""
    _, first = world.asked("1500", "Server")
    world.sandbox.reply_as("bob", first.id, "approve")
    world.run_until_quiet()
    _, for_bob = world.asked("20", "Pen")
    return world.newest("carol", "Please decide: Server"), for_bob


def assert_only_the_manager_of_the_server_has_decided(world: World) -> None:
    assert world.decisions() == [("Bob", "approve")]
    assert world.open_for("bob") == 1
    assert world.open_for("carol") == 1


def both_real_replies_decide(world: World, for_carol: Mail, for_bob: Mail) -> None:
    world.sandbox.reply_as("carol", for_carol.id, "reject")
    world.sandbox.reply_as("bob", for_bob.id, "approve")
    world.run_until_quiet()
    assert sorted(world.decisions()) == [("Bob", "approve"), ("Bob", "approve"), ("Carol", "reject")]


def test_a_code_of_somebody_elses_ask_decides_nothing(world: World) -> None:
    for_carol, for_bob = two_asks(world)
    world.sandbox.send_as("bob", answer(for_carol, BOB))
    world.sandbox.send_as("carol", answer(for_bob, f"carol@{DOMAIN}"))
    world.run_until_quiet()
    assert world.results()[-2:] == ["not_the_one_asked", "not_the_one_asked"]
    assert_only_the_manager_of_the_server_has_decided(world)
    assert (notices("bob"), notices("carol")) == (1, 1)
    both_real_replies_decide(world, for_carol, for_bob)


@pytest.mark.not_over("exchange-server", because="its addresses have no place for a code")
@pytest.mark.parametrize("sender", ["bob", "carol"])
@pytest.mark.parametrize("own_code_in", ["address", "subject", "text"])
def test_two_codes_that_disagree_decide_nothing(world: World, sender: str, own_code_in: str) -> None:
    for_carol, for_bob = two_asks(world)
    own, other = (for_bob, for_carol) if sender == "bob" else (for_carol, for_bob)
    of = {place: own if place == own_code_in else other for place in ("address", "subject", "text")}
    raw = letter(
        f"{sender}@{DOMAIN}",
        to=reply_to(of["address"]),
        subject=f"RE: {of['subject'].subject}",
        text=f"approve\n\n#{code_of(of['text'])}",
    )
    world.sandbox.send_as(sender, raw)
    world.run_until_quiet()
    kept = IncomingMail.objects.order_by("pk").last()
    assert kept is not None
    assert (kept.result, kept.verdict["shown"]) == ("codes_disagree", True)
    assert_only_the_manager_of_the_server_has_decided(world)
    assert not ServerTask.objects.filter(incoming=kept).exists()
    assert OutgoingMail.objects.filter(kind__startswith="refusal").count() == 0
    both_real_replies_decide(world, for_carol, for_bob)


@pytest.mark.not_over("exchange-server", because="its addresses have no place for a code")
def test_a_code_beside_one_that_was_never_given_out_decides_nothing(world: World) -> None:
    request, asked = world.asked()
    raw = letter(BOB, to=reply_to(asked), subject="Re: Desk [#aaaaaaaaaaaaaaaa]")
    world.sandbox.send_as("bob", raw)
    world.run_until_quiet()
    assert world.results() == ["codes_disagree"]
    the_real_reply_decides(world, request, asked)


def test_a_code_that_was_never_given_out_decides_nothing(world: World) -> None:
    request, asked = world.asked()
    world.sandbox.send_as("bob", letter(BOB, to=f"approvals+aaaaaaaaaaaaaaaa@{DOMAIN}"))
    world.run_until_quiet()
    kept = IncomingMail.objects.get()
    assert (kept.result, kept.verdict["shown"]) == ("unknown_code", True)
    assert OutgoingMail.objects.count() == 1
    the_real_reply_decides(world, request, asked)


def test_a_code_in_quoted_text_only_decides_nothing(world: World) -> None:
    request, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve", to=[APPROVALS], subject="About the desk")
    world.run_until_quiet()
    assert world.results() == ["no_code"]
    assert len(world.sandbox.mails("approvals")) == 1
    the_real_reply_decides(world, request, asked)


def test_a_code_in_the_envelope_only_decides_nothing(world: World) -> None:
    request, asked = world.asked()
    world.sandbox.send_as("bob", letter(BOB, to=APPROVALS), recipients=[reply_to(asked)])
    world.run_until_quiet()
    assert world.results() == ["no_code"]
    the_real_reply_decides(world, request, asked)


@pytest.mark.on_exchange(because="only Exchange proves a mail that a rule of one of its mailboxes redirects")
def test_a_genuine_yes_to_something_else_that_a_rule_redirects_to_us_decides_nothing(world: World) -> None:
    """Dave asks Bob about lunch; a rule in Dave's mailbox redirects Bob's answer, as Bob's, to the plus address."""
    request, asked = world.asked()
    world.sandbox.send_as("dave", to=BOB, subject="Lunch?", text="At noon?")
    world.sandbox.reply_as("bob", world.newest("bob", "Lunch?").id, "Yes")
    yes = world.newest("dave", "RE: Lunch?")
    world.sandbox.send_as("bob", yes.mime, recipients=[reply_to(asked)])
    world.run_until_quiet()
    kept = IncomingMail.objects.get()
    assert kept.result == "no_code"
    assert kept.verdict["auth_as"] == ["Internal"], "it is Bob's, and proved to be"
    assert OutgoingMail.objects.count() == 1
    the_real_reply_decides(world, request, asked)


def test_a_code_of_an_older_round_decides_nothing_in_the_new_one(world: World) -> None:
    """Finance rejects, so the manager is asked again: the first mail's code answers the first round."""
    definition = yaml.safe_load((SAMPLES / "purchase.yaml").read_text())
    for way in definition["transitions"]:
        if (way["from"], way["outcome"]) == ("finance", "reject"):
            way["to"] = "manager"
    publish({**definition, "proof": world.level("colleague")})
    request, first = world.asked("5000", "Car")
    world.sandbox.reply_as("bob", first.id, "approve")
    world.run_until_quiet()
    world.sandbox.reply_as("carol", world.newest("carol", "Please decide").id, "reject")
    world.run_until_quiet()
    second = world.newest("bob", "Please decide")
    assert code_of(second) != code_of(first)

    world.sandbox.reply_as("bob", first.id, "reject")
    world.run_until_quiet()
    assert world.results()[-1] == "already_decided"
    assert world.decisions() == [("Bob", "approve"), ("Carol", "reject")]
    assert "Bob Bobson approved this" in world.newest("bob", "Not applied").text

    world.sandbox.reply_as("bob", second.id, "reject")
    world.run_until_quiet()
    assert world.decisions()[-1] == ("Bob", "reject")
    decided = Decision.objects.order_by("pk").last()
    assert decided is not None
    assert (decided.assignment.visit.step_key, decided.assignment.visit.round) == ("manager", 2)
    assert Visit.objects.filter(request=request, state=Visit.State.OPEN).count() == 0


# --- junk ---------------------------------------------------------------------------------------------------


@pytest.mark.not_over(
    "pop3", "gmail", because="there is no such folder; the strongest proof there is does not do"
)
def test_a_colleagues_answer_in_the_junk_folder_counts_with_the_strongest_proof(world: World) -> None:
    proof(world, "outside")
    _, asked = world.asked()
    world.sandbox.place("approvals", world.proved(answer(asked, BOB)), folder="junkemail")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
    assert world.sandbox.mails("approvals", "junkemail") == []


@pytest.mark.on_exchange(because="Exchange stamps what passed and puts it there all the same")
def test_an_answer_in_the_junk_folder_does_not_count_with_less(world: World) -> None:
    """DMARC and DKIM pass for Bob's domain, which is enough in the inbox and not here."""
    proof(world, "outside")
    request, asked = world.asked()
    world.sandbox.deliver(answer(asked, BOB), mail_from=BOB, junk=True)
    world.run_until_quiet()
    assert world.results() == ["not_proved"]
    assert notices("bob") == 1
    assert len(world.sandbox.mails("approvals", "junkemail")) == 1
    the_real_reply_decides(world, request, asked)


@pytest.mark.not_over("exchange-server", because="its addresses have no place for a code")
def test_a_yes_to_something_else_whose_reply_to_is_the_plus_address(world: World) -> None:
    """Dave has Bob's reply code and asks him something else, so that Bob's honest answer goes to us."""
    _, asked = world.asked()
    lunch = letter(
        f"Dave Daveson <dave@{DOMAIN}>",
        to=f"bob@{DOMAIN}",
        subject="Lunch?",
        headers=[f"Reply-To: {reply_to(asked)}"],
    )
    world.sandbox.send_as("dave", lunch)
    world.sandbox.reply_as("bob", world.newest("bob", "Lunch?").id, "Yes")
    world.run_until_quiet()
    assert world.decisions() == []
    assert world.results() == ["not_named"]
    assert "Not applied: Desk" in " ".join(world.subjects("bob"))
    world.sandbox.reply_as("bob", asked.id, "reject")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "reject")]


def test_the_code_in_somebody_elses_subject_does_not_name_the_request(world: World) -> None:
    _, asked = world.asked()
    lunch = letter(
        f"Dave Daveson <dave@{DOMAIN}>",
        to=f"bob@{DOMAIN}",
        subject=f"Lunch? [#{code_of(asked)}]",
        headers=[f"Reply-To: {reply_to(asked)}"],
    )
    world.sandbox.send_as("dave", lunch)
    world.sandbox.reply_as("bob", world.newest("bob", "Lunch?").id, "Yes")
    world.run_until_quiet()
    assert world.decisions() == []
    assert world.results() == ["not_named"]


def test_a_word_that_looks_like_a_code_does_not_void_the_answer(world: World) -> None:
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve\n\n#approvalsprocess")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
