"""`placet explain`: how a mail is read, and why. Needs no installation: no database, no keys, no network.

For that reason nothing here reads the settings of Django, as `placet.commands.start` does. Of those of Placet only the
ones about words count.
"""

import argparse
import json
import sys
import unicodedata
from binascii import a2b_base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from placet.cli import CommandError
from placet.lib.config import ConfigInvalid, load_config
from placet.replies.explain import LOOKED_AT, PROVES_NOBODY, Explanation, explain
from placet.replies.languages import LanguageInvalid
from placet.replies.read_vocabulary import Vocabulary, vocabulary

COLUMNS = 80
LABEL = 12  # columns of the names on the left
CLAUSE = 34  # columns of a clause, beside what it was taken for
TEXT_LINES = 60  # of the new text and the comment that are shown to people
CUT_LINES = 8  # of what was left out
LONGEST_LINE = 64 * 1024 * 1024  # bytes of one line of --jsonl


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE.eml", help="mails; - is standard input")
    parser.add_argument("--original", metavar="FILE", help="the mail that they answer, where you have it")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a file")
    form.add_argument(
        "--jsonl",
        action="store_true",
        help='reads lines {"id", "raw_base64", "original_base64"?} from standard input, prints one object for each',
    )
    parser.set_defaults(misused=parser.error)


def run(options: argparse.Namespace) -> int:
    if not settings.configured:
        # What is said is said in English, without an installation's settings.
        settings.configure(USE_I18N=False)
    if options.jsonl:
        if options.files or options.original:
            options.misused("--jsonl reads standard input alone: name no files.")
        _lines(sys.stdin.buffer, _known_words())
        return 0
    if not options.files:
        options.misused("name a mail's file, or - for standard input.")
    return _files(options, _known_words())


def _known_words() -> Vocabulary:
    """The words that count in this installation, or the ones that come with Placet where there is none."""
    try:
        config = load_config()
        return vocabulary(config.words_dir, config.reply_languages)
    except (ConfigInvalid, LanguageInvalid) as error:
        raise CommandError(str(error)) from error


def _print(text: str) -> None:
    """Flushed, so that a reader gets each answer as soon as it is there. What the terminal's charset lacks is
    escaped."""
    charset = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(charset, "backslashreplace").decode(charset) + "\n")
    sys.stdout.flush()


# --- files ----------------------------------------------------------------------------------------------------


def _files(options: argparse.Namespace, known: Vocabulary) -> int:
    original, unreadable = None, 0
    if options.original:
        try:
            original = _content(options.original)
        except OSError as error:
            raise CommandError(f"{visible(options.original)} cannot be read: {error.strerror}.") from error
    for number, name in enumerate(options.files):
        try:
            explanation = explain(_content(name), original, known)
        except OSError as error:
            explanation = Explanation(error=f"The file cannot be read: {error.strerror}.")
            unreadable = 1
        if options.json:
            _print(json.dumps(explanation.as_json(name)))
        else:
            _print("\n".join([*([""] if number else []), *_for_people(name, explanation)]))
    return unreadable


def _content(name: str) -> bytes:
    """The beginning of a file: no more is ever looked at."""
    if name == "-":
        return sys.stdin.buffer.read(LOOKED_AT)
    with Path(name).open("rb") as file:
        return file.read(LOOKED_AT)


# --- lines of JSON --------------------------------------------------------------------------------------------


class _BadLine(ValueError):
    """What is wrong with one line, in words; `id_` is its id, where that much could be read."""

    def __init__(self, problem: str, id_: str | int | None = None) -> None:
        super().__init__(problem)
        self.id_ = id_


def _lines(source: IO[bytes], known: Vocabulary) -> None:
    """One object for each line, in the same order. A bad line gives one with its error."""
    while line := source.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            _skip_the_rest(source)
            answer = Explanation(error=f"The line is longer than {LONGEST_LINE // 1024**2} MB.").as_json(None)
        else:
            answer = _answer(line, known)
        _print(json.dumps(answer))


def _skip_the_rest(source: IO[bytes]) -> None:
    while (more := source.readline(LONGEST_LINE)) and not more.endswith(b"\n"):
        pass


def _answer(line: bytes, known: Vocabulary) -> dict[str, Any]:
    try:
        id_, raw, original = _asked(line)
    except _BadLine as bad:
        return Explanation(error=str(bad)).as_json(bad.id_)
    return explain(raw, original, known).as_json(id_)


def _asked(line: bytes) -> tuple[str | int, bytes, bytes | None]:
    try:
        asked = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _BadLine("The line is not JSON in UTF-8.") from error
    if not isinstance(asked, dict):
        raise _BadLine("The line is JSON, but not an object.")
    id_ = asked.get("id")
    if not isinstance(id_, str | int) or isinstance(id_, bool):
        raise _BadLine("The object needs an “id” that is a text or a whole number.")
    raw = _bytes(asked, "raw_base64", id_)
    if raw is None:
        raise _BadLine("The object needs “raw_base64”, the mail in base64.", id_)
    return id_, raw, _bytes(asked, "original_base64", id_)


def _bytes(asked: dict[str, Any], name: str, id_: str | int) -> bytes | None:
    value = asked.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _BadLine(f"“{name}” must be a text.", id_)
    try:
        return a2b_base64(value.encode("ascii").translate(None, b" \t\r\n"), strict_mode=True)
    except ValueError as error:
        raise _BadLine(f"“{name}” is not base64.", id_) from error


# --- for people -----------------------------------------------------------------------------------------------


def _for_people(name: str, found: Explanation) -> Iterator[str]:
    title = "standard input" if name == "-" else visible(name).replace("\n", "\\n")
    yield from (title, "=" * min(_cells(title), COLUMNS))
    mail = found.mail
    if mail is None:
        yield from _row("Not read", found.error)
        return
    yield from _row(
        "Automatic", f"yes: {mail.automatic}, because {mail.automatic_why}" if mail.automatic else "no"
    )
    yield from _row("From", mail.from_line or "nobody")
    if mail.from_problem:
        yield from _row("", f"Nobody would be believed: {mail.from_problem}")
    yield from _row("Subject", mail.subject or "none")
    yield from _row("Vouched for", "\n".join((*found.vouched, str(PROVES_NOBODY))))
    if mail.automatic:
        return
    if mail.sealed:
        yield from _row("Sealed", mail.sealed)
    yield from _row("Quoted", _left_out(found.quoted, mail.quoted_cut))
    yield from _row("Signature", _left_out(found.signature, ""))
    yield from _row("New text", _shortened(mail.new_text.split("\n"), TEXT_LINES) or "none")
    yield from _what_was_read(found)


def _what_was_read(found: Explanation) -> Iterator[str]:
    reading = found.reading
    if reading is None:
        return
    if found.starts:
        yield from _row("Starts", found.why)
        return
    yield from _row("Answer", reading.outcome or "unclear: nothing would be decided")
    yield from _row("Why", str(reading.why))
    if found.likely:
        yield from _row("Likely", found.likely)
    if found.as_digest:
        yield from _row("Several", found.as_digest)
    yield from _row("Rests on", ", ".join(f"“{words}”" for words in reading.rests_on) or "nothing")
    taken = [
        _clause(clause.text, label + (f": {clause.outcome}" if clause.outcome else ""))
        for clause, label in reading.labelled_clauses[:TEXT_LINES]
    ]
    if taken:
        yield from _row("Taken for", "\n".join(taken))
    yield from _row("Comment", _shortened(reading.comment.split("\n"), TEXT_LINES) or "none")


def _clause(text: str, taken: str) -> str:
    words = visible(" ".join(text.split()))
    width = _cells(words)
    return (
        f"{words}{' ' * (CLAUSE - width)}  {taken}"
        if width <= CLAUSE
        else f"{words}\n{' ' * CLAUSE}  {taken}"
    )


def _left_out(lines: Sequence[str], rule: str) -> str:
    if not lines:
        return f"nothing left out{f' ({rule})' if rule else ''}"
    count = f"{len(lines)} line{'' if len(lines) == 1 else 's'} left out{f': {rule}' if rule else ''}"
    return f"{count}\n{_shortened([f'| {line}' for line in lines], CUT_LINES)}"


def _shortened(lines: Sequence[str], most: int) -> str:
    more = [f"… and {len(lines) - most} more lines"] if len(lines) > most else []
    return "\n".join([*(line[: COLUMNS * 10] for line in lines[:most]), *more])


def _row(label: str, text: str) -> Iterator[str]:
    """A name, and beside it the text in lines that fit."""
    lines = [part for line in visible(text).split("\n") for part in _wrapped(line, COLUMNS - LABEL)]
    for at, line in enumerate(lines):
        yield f"{label if at == 0 else '':<{LABEL}}{line}".rstrip()


def _wrapped(line: str, width: int) -> Iterator[str]:
    """Pieces of at most `width` columns, cut at blanks where there are some."""
    start = at = blank = used = 0
    while at < len(line):
        used += _cells(line[at])
        if line[at] == " ":
            blank = at
        if used > width:
            end = blank if blank > start else at
            yield line[start:end].rstrip()
            start = at = blank = end + (end == blank)
            used = 0
            continue
        at += 1
    yield line[start:]


def _cells(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def visible(text: str) -> str:
    """Text of strangers for a terminal: what controls it, turns its direction or cannot be seen is escaped."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else _escaped(one) for one in text)


def _escaped(one: str) -> str:
    if one == "\t" or unicodedata.category(one) == "Zs":
        return " "
    return ascii(one)[1:-1]
