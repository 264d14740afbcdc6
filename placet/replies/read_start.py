"""What of a mail fills the form of a request that it starts.

Lines that name a field fill it, by its label or its name: “Amount: 1250”. They count above the closing only: below it
stand lines such as “Phone: 0123”. What a process says fills the others: the subject, what else is written above the
closing, the files. A signature, a quoted mail and small print fill nothing.

A mail that was forwarded is kept as a file: the attached one as it came, or, where it is quoted, the whole mail.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import Any

from placet.approvals.attachments import NewFile, why_not_taken
from placet.approvals.definitions import Definition
from placet.approvals.form_parts import FormField
from placet.approvals.start_by_mail import StartByMail
from placet.lib.sentences import NOTHING, Sentence
from placet.mail.models import IncomingMail
from placet.replies.parse import Mail
from placet.replies.parse.attachments import (
    LARGEST_LISTED,
    attached_mail,
    file_name,
    files_of,
    is_mail,
)
from placet.replies.parse.parts import Part, parts, read_header
from placet.replies.read_frame import Ends, frame
from placet.replies.read_vocabulary import Vocabulary

WHOLE_MAIL = -1  # in place of the number of a part
_LONGEST = 10_000  # characters of what fills a field
_LABEL_WITHIN, _MOST_COLONS = 300, 5  # characters and colons of a line in which a label ends
_LONGEST_SIGNATURE = 8  # lines
_NAME_AND_TITLE = 6  # words of its first line
_WRAPPED_FROM = 60  # characters of a line that a mail program may have wrapped
_LINE = re.compile(
    r"[ \t\u00a0]*(?:[*•·–—-][ \t\u00a0]+)?[*_]{0,2}(?P<label>[^:：\n]{1,200}?)[*_ \t\u00a0]*[:：][*_]{0,2}"
    r"(?P<value>.*)"
)
_QUOTES = {'"': '"', "“": "”", "„": "“”", "«": "»", "»": "«", "‘": "’", "'": "'"}
_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature")


@dataclass
class Lines:
    """A text with the lines taken out that fill fields.

    entered  by field, as it was written; rows of a table as a list
    wrong    a sentence for each field of which it is not clear what was written
    rest     what else stands above the closing
    """

    entered: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, Sentence] = field(default_factory=dict)
    rest: str = ""


def doubt_of(mail: Mail) -> Sentence:
    """Why it is not clear what a mail says; NOTHING if it is."""
    if mail.structure_doubt:
        return mail.structure_doubt
    if mail.perhaps_hidden:
        return Sentence("A style of its HTML may hide what stands there.")
    if mail.text_truncated:
        return Sentence("Its text is longer than what is read.")
    return NOTHING


# --- lines ------------------------------------------------------------------------------------------------


def read_lines(mail: Mail, fields: Sequence[FormField], known: Vocabulary, names: Collection[str]) -> Lines:
    """`names`: words of the sender's name, which a signature without a closing begins with."""
    by_label = _by_label(fields)
    lines = mail.new_text.split("\n")
    own = len(lines)
    if mail.with_signature.startswith(mail.new_text):
        lines += mail.with_signature[len(mail.new_text) :].split("\n")[1:]
    end = _end(lines, by_label, known, {_folded(name) for name in names})
    # A last paragraph of labels and numbers looks like a signature. If all of its lines name fields it is none.
    if not all(_field_of(line, by_label) for line in lines[own:end] if line.strip()):
        end = min(end, own)
    return _Taking(lines[:end], by_label).taken()


def _by_label(fields: Sequence[FormField]) -> dict[str, FormField]:
    """By what a line may call them. A label that two have is neither's: their names tell them apart."""
    labels: dict[str, list[FormField]] = {}
    for one in fields:
        for name in dict.fromkeys(
            (_folded(one.label), _folded(one.name), _folded(one.name.replace("_", " ")))
        ):
            labels.setdefault(name, []).append(one)
    found = {label: several[0] for label, several in labels.items() if len(several) == 1}
    return found | {one.name: one for one in fields}


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().rstrip(" .?？").split())


def _field_of(line: str, by_label: Mapping[str, FormField]) -> tuple[FormField, str] | None:
    """The field that a line names, and what stands behind."""
    # A label may hold a colon itself, so each of them may be the one that ends it.
    for match in islice(re.finditer("[:：]", line[:_LABEL_WITHIN]), _MOST_COLONS):
        found = _LINE.fullmatch(line[: match.start()].replace(":", "\ue000").replace("：", "\ue001") + ":")
        if found is None:
            continue
        label = found["label"].replace("\ue000", ":").replace("\ue001", "：")
        if (one := by_label.get(_folded(label))) is not None:
            return one, line[match.end() :].strip(" \t\u00a0*_")
    return None


def _end(lines: Sequence[str], by_label: Mapping[str, FormField], known: Vocabulary, names: set[str]) -> int:
    """The number of the line that the closing, a signature or small print begins with."""
    shown = ["" if _field_of(line, by_label) else line for line in lines]
    named = _own_name(shown, lines, names)
    found = frame("\n".join(shown), known)
    if found.by is Ends.NOTHING:
        return named
    at = 0
    for number, line in enumerate(shown):
        if at >= found.end:
            # A last paragraph of capitals is a name only if it is the sender's: "Sony Camera" may be what they need.
            is_name = found.by is not Ends.NAME or names & _words(line)
            return min(number, named) if is_name else named
        at += len(line) + 1
    return named


def _own_name(shown: Sequence[str], lines: Sequence[str], names: set[str]) -> int:
    """The number of the line from which on a signature stands that begins with the sender's name: the first of one of
    the last lines, below an empty one."""
    first = max(1, len(lines) - _LONGEST_SIGNATURE)
    for number in range(first, len(lines)):
        words = _words(shown[number])
        if not lines[number - 1].strip() and len(words) <= _NAME_AND_TITLE and words & names:
            return number
    return len(lines)


def _words(line: str) -> set[str]:
    return set(re.findall(r"\w+", _folded(line)))


@dataclass
class _Taking:
    """The lines above the closing, one by one."""

    lines: Sequence[str]
    by_label: Mapping[str, FormField]
    at: int = 0
    read: Lines = field(default_factory=Lines)

    def taken(self) -> Lines:
        rest = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            if (named := _field_of(line, self.by_label)) is None:
                rest.append(line.rstrip())
            else:
                self._take(*named, line)
        self.read.rest = re.sub(r"\n{3,}", "\n\n", "\n".join(rest)).strip()
        return self.read

    def _take(self, one: FormField, value: str, line: str) -> None:
        if one.type == "long_text":
            value = "\n".join([value, *self._lines_below()]).strip()
        elif self._may_go_on(value, line):
            self._doubt(
                one,
                Sentence("It is not clear where it ends; please write it on one line."),
            )
            return
        value = _unquoted(value)[: _LONGEST + 1]
        if not value:
            return
        if one.type == "table":
            self.read.entered.setdefault(one.name, []).append(value)
        elif _folded(self.read.entered.setdefault(one.name, value)) != _folded(value):
            self._doubt(one, Sentence("It stands there twice, in two ways."))

    def _doubt(self, one: FormField, why: Sentence) -> None:
        self.read.wrong[one.name] = why

    def _lines_below(self) -> Iterator[str]:
        """Those that go on with a text of several lines: up to an empty one, or one that names a field."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip() or _field_of(line, self.by_label) is not None:
                return
            self.at += 1
            yield line.rstrip()

    def _may_go_on(self, value: str, line: str) -> bool:
        below = self.lines[self.at] if self.at < len(self.lines) else ""
        if not below.strip() or _field_of(below, self.by_label) is not None:
            return False
        return not value or len(line) >= _WRAPPED_FROM


def _unquoted(value: str) -> str:
    closing = _QUOTES.get(value[:1], "")
    return value[1:-1].strip() if len(value) > 1 and closing and value[-1] in closing else value


# --- files ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MailFile:
    """A file of a mail, for one of its fields. `part`: its place among the parts; WHOLE_MAIL for the mail itself."""

    incoming: int
    part: int
    file: NewFile

    @property
    def as_json(self) -> dict[str, Any]:
        return {
            "field": self.file.field,
            "incoming": self.incoming,
            "part": self.part,
            "name": self.file.name,
        }


@dataclass
class Files:
    """The files of a mail that fill fields; `notes`: for each other one a sentence that says why it does not, in the
    language that is active."""

    taken: list[MailFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)  # SHA-256 of each file, also of those


def read_files(
    incoming: IncomingMail, mail: Mail, definition: Definition, rules: StartByMail, before: Sequence[MailFile]
) -> Files:
    """By the rules of the process. `before`: what earlier mails of the same start brought."""
    fields = {one.name: one for one in definition.fields}
    found, there = Files(), {sha256(one.file.content).hexdigest() for one in before}
    for part, name, content_type, content, is_original in _contents(bytes(incoming.raw), mail):
        mark = sha256(content).hexdigest()
        if mark in there:  # sent once more with what was missing, or attached to the mail within, too
            continue
        if part != WHOLE_MAIL:
            found.hashes.append(mark)
        wanted = [rules.original] if is_original and rules.original else list(rules.attachments or ())
        if is_original and part == WHOLE_MAIL and not rules.original:
            continue
        why = ""
        for wished in filter(None, wanted):
            file = NewFile(wished, name, content_type, content)
            others = [one.file for one in (*before, *found.taken)]
            if not (why := why_not_taken(file, fields[wished], others)):
                found.taken.append(MailFile(incoming.pk, part, file))
                there.add(mark)
                break
        else:
            found.notes.append(why or _not_asked_for(name))
    return found


def _not_asked_for(name: str) -> str:
    return str(Sentence("“{name}” was not taken: no file is asked for.", name=name))


def files_again(kept: Sequence[Mapping[str, Any]]) -> list[MailFile]:
    """The files of a start that earlier mails brought, as they lie in these mails."""
    files: list[MailFile] = []
    for number in dict.fromkeys(one["incoming"] for one in kept):
        raw = bytes(IncomingMail.objects.get(pk=number).raw)
        by_part = {part: (kind, content) for part, _name, kind, content, _is in _contents(raw, None)}
        for one in kept:
            if one["incoming"] == number:
                kind, content = by_part[one["part"]]
                files.append(MailFile(number, one["part"], NewFile(one["field"], one["name"], kind, content)))
    return files


def _contents(raw: bytes, mail: Mail | None) -> Iterator[tuple[int, str, str, bytes, bool]]:
    """Number, name, type and bytes of each file, and whether it is the original of what was forwarded. Without `mail`
    the whole one is there, whether or not it quotes another one."""
    found = parts(raw, LARGEST_LISTED)
    mails = 0
    for number, part in files_of(found):
        if is_mail(part):
            yield number, file_name(part, number), "message/rfc822", attached_mail(raw, mails), True
            mails += 1
        elif not _is_decoration(part, found):
            yield number, file_name(part, number), part.content_type, part.payload(), False
    for number, part in enumerate(found):
        if part.in_message and part.attached and not part.container and not _is_decoration(part, found):
            yield number, file_name(part, number), part.content_type, part.payload(), False
    if mail is None or (mail.quoted_cut and not mails):
        name = (mail.own_subject if mail else "") or "mail"
        yield WHOLE_MAIL, f"{name}.eml", "message/rfc822", raw, True


def _is_decoration(part: Part, found: Sequence[Part]) -> bool:
    """A picture within the text, such as a logo below a name; a signature that mail programs check."""
    if part.content_type in _SIGNATURES:
        return True
    within = found[part.parent].content_type == "multipart/related" if part.parent >= 0 else False
    is_inline = not read_header(part.message, "content-disposition").lower().startswith("attachment")
    named = bool(read_header(part.message, "content-id"))
    shown = (within and named) or (is_inline and (within or named))
    return part.content_type.startswith("image/") and shown
