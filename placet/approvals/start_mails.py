"""The mails about requests that are started by mail, to whoever started them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from placet.accounts.general import General
from placet.approvals.composing import page_link, queue, with_code, written_to
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import Fact, facts_as_read
from placet.approvals.form_parts import FormField
from placet.approvals.mail_parts import TEMPLATES, Question, ShownFact
from placet.approvals.models import MailedStart, Process, Request
from placet.approvals.prepared_replies import LONGEST_PREPARED, answer_link, reply_address
from placet.approvals.start_by_mail import StartByMail
from placet.mail.marker import marker
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mail.writing import Link, Notice, Written, labelled, no_links, when, written
from placet.mailboxes.models import Mailbox

NO_RULES = StartByMail()
LONGEST_SHOWN = 1000  # characters of what was written for one field, where it is shown back


def started(
    incoming: IncomingMail, request: Request, definition: Definition, notes: Sequence[str], in_reply_to: str
) -> None:
    """To the requester: the request that their mail has started, with all that stands in it. `notes`: what of the mail
    was not taken."""
    person = request.requester
    names = {"title": request.title, "number": request.number, "process": definition.name}
    with written_to(person) as installation:
        heading = _("Started: {title}").format(**names)
        lead = _("Request {number} ({process}) was started by your mail, with what stands below.")
        queue(
            incoming.mailbox,
            "started",
            person,
            installation,
            cause=f"request:{request.pk}",
            subject=heading,
            letter=Question(
                heading=heading,
                preview=_("Request {number} was started by your mail.").format(**names),
                lead=lead.format(**names),
                facts=[ShownFact.of(fact) for fact in facts_as_read(definition, request.data)],
                answers=(),
                page=page_link(request, installation),
                by_mail=False,
                how=_("A reply to this mail changes nothing. On its page you can withdraw the request."),
                code="",
                paragraphs=notes,
            ),
            priority=OutgoingMail.Priority.CONFIRMATION,
            in_reply_to=in_reply_to,
        )


# --- what is missing --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lacking:
    """What is said of a mail that does not start anything yet. `wrong`: a sentence for each field that is missing or
    cannot be read, in the order of the form; `entered`: what was written for the others; `notes`: what of the mail was
    not taken; `footer`: below it all."""

    wrong: Mapping[str, str]
    entered: Mapping[str, Any] = field(default_factory=dict)
    file_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    footer: str = ""


@dataclass(frozen=True)
class _Letter:
    """The mail that asks for the rest: what is missing, what is known, how to send it."""

    heading: str
    lead: str
    lacking: Sequence[
        tuple[str, str]
    ]  # label and sentence; no colon behind a label: no line of ours fills a field
    facts: Sequence[ShownFact]
    notes: Sequence[str]
    answer: Link
    how: str
    page: Link
    code: str
    footer: str

    def written(self, subject: str, reference: str, installation: General) -> Written:
        context = {
            "marker": marker(),
            "preview": no_links(self.heading),
            "heading": no_links(self.heading),
            "lead": no_links(self.lead),
            "lacking": [(no_links(label), no_links(sentence)) for label, sentence in self.lacking],
            "facts": self.facts,
            "notes": [no_links(note) for note in self.notes],
            "answer": self.answer,
            "how": no_links(self.how),
            "page": self.page,
            "code": self.code,
            "footer": self.footer,
        }
        return written(TEMPLATES / "rest", context, subject, reference, installation)


def ask_for_rest(
    incoming: IncomingMail, row: MailedStart, lacking: Lacking, code: str, in_reply_to: str
) -> OutgoingMail:
    """To whoever started it: what is missing, by name. An answer to this mail, by its code, fills it in."""
    definition, mailbox, person = definition_of(row.version), incoming.mailbox, row.person
    rules = definition.start_by_mail or NO_RULES
    fields = [one for one in definition.fields if one.name in lacking.wrong]
    with written_to(person) as installation:
        heading = _("Something is missing: {process}").format(process=definition.name)
        subject = with_code(heading, code)
        lead = _("Your mail is to start a request ({process}). This is missing or cannot be read:")
        asked = [(one.label, _about(one, lacking.wrong[one.name], rules)) for one in fields]
        # What is wrong with the whole, such as a title without letters, is no field's.
        known = {one.name for one in fields}
        asked += [(definition.name, said_of) for name, said_of in lacking.wrong.items() if name not in known]
        letter = _Letter(
            heading=heading,
            lead=lead.format(process=definition.name),
            lacking=asked,
            facts=[*_understood(definition, lacking)],
            notes=lacking.notes,
            answer=_prepared(mailbox, code, subject, fields),
            how=_how(fields, rules, when(row.due) if row.due is not None else ""),
            page=Link(_("Or fill in the form on its page"), form_page(row.process.key, installation)),
            code=code,
            footer=lacking.footer,
        )
        return queue(
            mailbox,
            "refusal-start_lacks",
            person,
            installation,
            cause=f"incoming:{incoming.pk}",
            subject=subject,
            letter=letter,
            priority=OutgoingMail.Priority.CONFIRMATION,
            reply_to=reply_address(mailbox, code),
            in_reply_to=in_reply_to,
        )


def _about(one: FormField, sentence: str, rules: StartByMail) -> str:
    """What to send for a field."""
    if one.type == "table":
        columns = "; ".join(column.label for column in one.columns or () if column.computed is None)
        how = _("A line for each row, such as “{line}”.").format(line=labelled(one.label, columns))
        return f"{sentence} {how}"
    if one.type == "files" and one.name in rules.file_fields:
        return " ".join([sentence, _("Attach the file to your reply.")])
    return sentence


def _understood(definition: Definition, lacking: Lacking) -> list[ShownFact]:
    """As it was written: what the form makes of it stands in the request."""
    facts = []
    for one in definition.fields:
        written_for = lacking.entered.get(one.name)
        lines = lacking.file_names.get(one.name) or (
            written_for if isinstance(written_for, list) else [str(written_for or "")]
        )
        text = "\n".join(lines).strip()
        if text and one.name not in lacking.wrong:
            facts.append(ShownFact.of(Fact(one.label, text[:LONGEST_SHOWN])))
    return facts


def _how(fields: Sequence[FormField], rules: StartByMail, until: str) -> str:
    lines = [one for one in fields if one.type != "files"]
    sentences = []
    if lines:
        how = _("Reply to this mail with a line for each of these, such as “{line}”.")
        sentences.append(how.format(line=labelled(line_label(lines[0]), "…")))
    elif any(one.name in rules.file_fields for one in fields):
        sentences.append(_("Reply to this mail with what is missing attached."))
    if until:
        last = _("What has not come by {time} is not waited for any longer; then nothing is started.")
        sentences.append(last.format(time=until))
    return " ".join(sentences)


def line_label(one: FormField) -> str:
    """By what a line names a field."""
    return one.name if ":" in one.label or "：" in one.label else one.label


def _prepared(mailbox: Mailbox, code: str, subject: str, fields: Sequence[FormField]) -> Link:
    """Opens a reply with a line for each field, to be filled in."""
    lines = [f"{line_label(one)}: " for one in fields if one.type != "files"]
    if sum(map(len, lines)) > LONGEST_PREPARED:
        lines = [f"{one.name}: " for one in fields if one.type != "files"]
    first, more = (lines[0], lines[1:]) if lines else ("", [])
    return Link(_("Reply with what is missing"), answer_link(mailbox, code, subject, first, more), "main")


def form_page(key: str, installation: General) -> str:
    """Where the same is started on a page. The address carries no right: the page asks for sign-in."""
    return f"{installation.public_url}/start/{quote(key)}/"


# --- what did not come of it ------------------------------------------------------------------------------


def not_started(
    incoming: IncomingMail,
    row: MailedStart | Process | None,
    person: Any,
    *,
    key: str,
    sentences: Sequence[str],
    request: Request | None = None,
    in_reply_to: str = "",
    footer: str = "",
) -> None:
    """To a proved sender whose mail starts nothing: why. `sentences` are in their language. `request`: the one that was
    started before."""
    process = row.process if isinstance(row, MailedStart) else row
    with written_to(person) as installation:
        heading = _("Your mail started nothing")
        link = Link(_("Start a request"), f"{installation.public_url}/start/", "main")
        if process is not None:
            link = Link(_("Open the form"), form_page(process.key, installation), "main")
        if request is not None:
            link = page_link(request, installation)
        queue(
            incoming.mailbox,
            f"refusal-{key}",
            person,
            installation,
            cause=f"incoming:{incoming.pk}",
            subject=labelled(heading, process.name) if process is not None else heading,
            letter=Notice(heading, sentences, links=[link], footer=footer),
            priority=OutgoingMail.Priority.CONFIRMATION,
            in_reply_to=in_reply_to,
        )


def expired(row: MailedStart) -> None:
    """To whoever started it: what was missing did not come in time."""
    outgoing, process = row.outgoing, row.version.process
    assert outgoing is not None
    with written_to(row.person) as installation:
        what = _(
            "Your mail of {time} was to start a request ({process}). What was missing did not come, so nothing was "
            "started."
        )
        queue(
            outgoing.mailbox,
            "start-expired",
            row.person,
            installation,
            cause=f"start:{row.pk}",
            subject=_("Not started: {process}").format(process=process.name),
            letter=Notice(
                _("Nothing was started"),
                [
                    what.format(time=when(row.created_at), process=process.name),
                    _("If it is still needed, send it once more as a new mail, or fill in the form."),
                ],
                links=[Link(_("Open the form"), form_page(process.key, installation), "main")],
            ),
        )
