"""The pages that write mail: new, reply, forward, as a stranger; and the automatic reply."""

from __future__ import annotations

from dataclasses import dataclass

from placet.sandbox import outlook, programs
from placet.sandbox.delivery import AuthResults, Outcome, SendRefused
from placet.sandbox.httpd import Response
from placet.sandbox.mime import Address
from placet.sandbox.tenant import Item
from placet.sandbox.webmail import look
from placet.sandbox.webmail.forms import mailto
from placet.sandbox.webmail.markup import Html, fill
from placet.sandbox.webmail.visit import NotFound, Visit

TITLES = {"new": "New mail", "reply": "Reply", "all": "Reply to all", "forward": "Forward"}
CHECKS = {
    "fail": "fail: not allowed to send for it",
    "none": "none: the domain does not say",
    "pass": "pass: really from the domain",
}
AWAY = "I am out of the office and read my mail again on Monday."
_FOCUS = {"autofocus": "autofocus"}
STRANGER = "mallory@stranger.example"


@dataclass(frozen=True)
class Draft:
    """A mail that is being written."""

    how: str
    to: str = ""
    cc: str = ""
    subject: str = ""
    text: str = ""
    id: str = ""
    """Of the mail that is answered or handed on."""


# -- new, reply, forward -----------------------------------------------------------------------------------------


def new(visit: Visit) -> Response:
    """Also where the `mailto:` links of a mail lead."""
    asked = mailto(visit.form.get("mailto")) if visit.form.get("mailto") else visit.form.fields
    subject = " ".join(asked.get("subject", "").split())
    to, cc = (" ".join(asked.get(name, "").split()) for name in ("to", "cc"))
    return _page(visit, Draft("new", to, cc, subject, asked.get("body", "")))


def write(visit: Visit) -> Response:
    """A reply to a mail, or handing it on."""
    how = visit.form.get("how")
    if how not in TITLES or how == "new":
        raise NotFound("There is no such page.")
    item = visit.item()
    with_ = programs.program(_program(visit))
    if how == "forward":
        return _page(
            visit, Draft(how, subject=programs.titled(with_.forwards, item.subject), id=item.id), item
        )
    to = ", ".join(map(programs.shown, programs.answered(item)))
    cc = ", ".join(map(programs.shown, programs.others(item, visit.address))) if how == "all" else ""
    return _page(visit, Draft(how, to, cc, programs.titled(with_.replies, item.subject), "", item.id), item)


def _program(visit: Visit) -> str:
    return visit.programs.get(visit.address, programs.DEFAULT)


def _page(
    visit: Visit, draft: Draft, item: Item | None = None, *, wrong: str = "", status: int = 200
) -> Response:
    names = {key: known.name for key, known in programs.PROGRAMS.items()}
    helped = "Decides how the mail that you answer is quoted. Remembered for this mailbox."
    invalid = {"aria_describedby": "wrong", "aria_invalid": "true"} if wrong else {}
    fields = look.together([
        look.hidden({"how": draft.how, "id": draft.id}),
        look.field("To", "to", draft.to, autocomplete="off", **invalid, **({} if draft.to else _FOCUS)),
        look.field("Copy to", "cc", draft.cc, autocomplete="off"),
        look.field("Subject", "subject", draft.subject, autocomplete="off"),
        look.textarea("Text", "text", draft.text, **(_FOCUS if draft.to else {})),
        look.select("Written with", "program", names, _program(visit), helped),
        look.field("File", "file", kind="file"),
        Html('<div class="actions"><button class="main">Send</button>'),
        fill('<a class="button" href="{}">Discard</a></div>', _leave(visit, draft)),
        look.NOTHING if item is None else _quoted(item),
    ])  # fmt: skip
    form = visit.form_to("send", fields, enctype="multipart/form-data", class_="sheet")
    title = TITLES[draft.how]
    body = fill('<h1>{}</h1><div id="wrong">{}</div>{}', title, look.wrong(wrong), form)
    return visit.page(title, body, status=status)


def _leave(visit: Visit, draft: Draft) -> str:
    return visit.at("read", id=draft.id) if draft.id else visit.at()


def _quoted(item: Item) -> Html:
    return fill(
        '<details><summary>The mail below your text</summary><pre class="letter" tabindex="0">{}</pre></details>',
        programs.Quote.of(item).text,
    )


def send(visit: Visit) -> Response:
    form = visit.form
    how = form.get("how", "new")
    if how not in TITLES:
        raise NotFound("There is no such page.")
    item = visit.item() if how != "new" else None
    key = form.get("program", programs.DEFAULT)
    visit.programs[visit.address] = key if key in programs.PROGRAMS else programs.DEFAULT
    try:
        outcome = _sent(visit, how)
    except (SendRefused, ValueError) as refused:
        draft = Draft(
            how, form.line("to"), form.line("cc"), form.line("subject"), form.get("text"), form.get("id")
        )
        return _page(visit, draft, item, wrong=f"Not sent: {refused}", status=422)
    visit.say(_told(outcome))
    return visit.back()


def _sent(visit: Visit, how: str) -> Outcome:
    form, sandbox, me = visit.form, visit.sandbox, visit.address
    to, cc, subject, text = form.people("to"), form.people("cc"), form.line("subject"), form.get("text")
    key, files = _program(visit), form.files
    if not to:
        raise ValueError("Write an address into To.")
    if how == "new":
        return sandbox.write_as(me, to, subject, text, program=key, cc=cc, files=files)
    if how == "forward":
        return sandbox.forward_as(
            me, form.get("id"), to, text, program=key, cc=cc, subject=subject, files=files
        )
    return sandbox.reply_as(me, form.get("id"), text, program=key, to=to, cc=cc, subject=subject, files=files)


def _told(outcome: Outcome) -> str:
    nobody = ", ".join(outcome.refused)
    return f"Sent, but nobody is at {nobody}." if nobody else "Sent."


# -- as a stranger -----------------------------------------------------------------------------------------------


def stranger_form(visit: Visit) -> Response:
    if not visit.form.get("id"):
        return _stranger_page(visit, {"from": f"{visit.mailbox.name} <{visit.address}>"})
    item = visit.item()
    given = {
        "from": f"{visit.mailbox.name} <{visit.address}>",
        "to": ", ".join(person.address for person in programs.answered(item)),
        "subject": f"Re: {item.subject}",
        "text": "approve",
    }
    return _stranger_page(visit, given)


def _stranger_page(visit: Visit, given: dict[str, str], wrong: str = "") -> Response:
    invalid = {"aria_describedby": "wrong", "aria_invalid": "true"} if wrong else {}
    fields = look.together([
        look.field("From (what the mail says)", "from", given.get("from", ""), autocomplete="off", **invalid),
        look.field("Really sent by", "sender", given.get("sender", STRANGER), autocomplete="off"),
        look.field("To", "to", given.get("to", ""), autocomplete="off"),
        look.field("Subject", "subject", given.get("subject", ""), autocomplete="off"),
        look.textarea("Text", "text", given.get("text", "")),
        look.select("SPF, DKIM and DMARC", "check", CHECKS, given.get("check", "fail"), (
            "What the receiving server finds out about the domain in From, and writes on the mail."
        )),
        Html('<div class="actions"><button class="main">Send as a stranger</button></div>'),
    ])  # fmt: skip
    body = fill(
        '<h1>Send as a stranger</h1><p class="lead">Anybody can write any From into a mail. This one comes in over '
        'the internet, from outside {}: nobody signed in to send it.</p><div id="wrong">{}</div>{}',
        visit.sandbox.tenant.name,
        look.wrong(wrong),
        visit.form_to("stranger", fields, class_="sheet"),
    )
    return visit.page("Send as a stranger", body, folder="stranger", status=422 if wrong else 200)


def stranger(visit: Visit) -> Response:
    form = visit.form
    given = {name: form.line(name) for name in ("from", "sender", "to", "subject", "check")}
    try:
        outcome = _from_outside(visit, given["check"])
    except (SendRefused, ValueError) as refused:
        return _stranger_page(visit, given | {"text": form.get("text")}, f"Not sent: {refused}")
    visit.say(f"As a stranger: {_told(outcome)[0].lower()}{_told(outcome)[1:]}")
    return visit.back()


def _from_outside(visit: Visit, check: str) -> Outcome:
    form, to = visit.form, visit.form.people("to")
    name, _, address = form.line("from").rpartition("<")
    address = address.rstrip("> ")
    sender = form.line("sender")
    if "@" not in address or "@" not in sender:
        raise ValueError("Write an address into From, and one into “Really sent by”.")
    if not to:
        raise ValueError("Write an address into To.")
    if check not in CHECKS:
        raise ValueError("Choose what the server finds out.")
    claimed = Address(name.strip(' "'), address)
    raw = outlook.compose(claimed, to, form.line("subject"), form.get("text"))
    return visit.sandbox.deliver(raw, mail_from=sender, results=AuthResults(check, check, check))


# -- out of office -----------------------------------------------------------------------------------------------


def out_of_office_form(visit: Visit) -> Response:
    away = visit.mailbox.out_of_office
    state = "Automatic replies are on." if away else "Automatic replies are off."
    fields = look.together([
        look.tick("Send automatic replies", "on", away is not None),
        look.textarea("Text", "text", away.text if away else AWAY),
        look.tick("Also to mail that asks for no automatic replies", "all", bool(away and away.even_if_suppressed), (
            "Programs that send mail ask for none. Exchange heeds that; some other servers do not."
        )),
        Html('<div class="actions"><button class="main">Save</button></div>'),
    ])  # fmt: skip
    body = fill(
        '<h1>Out of office</h1><p class="lead">{} Everybody who writes gets one, once.</p>{}',
        state,
        visit.form_to("out-of-office", fields, class_="sheet"),
    )
    return visit.page("Out of office", body, folder="out-of-office")


def out_of_office(visit: Visit) -> Response:
    on = bool(visit.form.get("on"))
    text = visit.form.get("text").strip() or AWAY
    visit.sandbox.set_out_of_office(
        visit.address, text if on else None, even_if_suppressed=bool(visit.form.get("all"))
    )
    visit.say("Automatic replies are on." if on else "Automatic replies are off.")
    return visit.back("out-of-office")
