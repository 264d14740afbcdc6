"""The languages that replies are read in: one data file each, `<code>.toml` beside this one.

A file has five tables. `[mail]` is what mail programs of that language write around a quote, `[answer]` the
words that people answer with, `[command]` those with which they ask for something else, `[digest]` those with which
they name several lines of a mail, `[refusal]` what a person is told whose answer was not clear. `shared.toml` holds
what belongs to no language. An organisation adds words, or a
whole language, with files of the same shape in a folder of its own; no code knows any language by name.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

SHARED = "shared"  # not a language: emoji, abbreviations and form words that everybody uses
FALLBACK = "en"  # the language of what is said to people whose own is not known


class LanguageInvalid(ValueError):
    """A language file is wrong; the message names the file, the place and what to do."""


@dataclass(frozen=True)
class MailWords:
    """What mail programs write around a quote. All lower case."""

    starts: tuple[str, ...] = ()  # how the line above a quote begins: "on " Monday ... wrote:
    wrote: tuple[str, ...] = ()  # what it holds near its end
    sender: tuple[str, ...] = ()  # labels of the header block that Outlook puts above a quote
    sent: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    original: tuple[str, ...] = ()  # what stands between dashes above a quote
    device: tuple[str, ...] = ()  # how a line begins that a telephone adds below
    device_words: tuple[str, ...] = ()  # what such lines hold besides names of devices and programs
    automatic: tuple[str, ...] = ()  # how the subject of an automatic reply begins
    banner: tuple[str, ...] = ()  # how a warning begins that a server puts above a mail
    above: tuple[str, ...] = ()  # what a line says, in our own mails too, above which to answer
    reply: tuple[str, ...] = ()  # what stands before the colon in the subject of a reply or a mail passed on


@dataclass(frozen=True)
class AnswerWords:
    """What people answer with. All lower case, apostrophes straight, words parted by one blank."""

    approve: tuple[str, ...] = ()  # says yes to the request, whatever else is said
    approve_weak: tuple[str, ...] = ()  # says yes only if all the rest is understood too: "yes", "ok"
    seen: tuple[str, ...] = ()  # weak ones that with thanks say only that the mail was seen: "great", "ok"
    reject: tuple[str, ...] = ()
    reject_weak: tuple[str, ...] = ()
    negations: tuple[str, ...] = ()  # one of them turns an approval into a rejection
    negation_helpers: tuple[str, ...] = ()  # may stand beside a negation and say nothing alone
    fillers: tuple[str, ...] = ()  # what may stand in a sentence that decides without changing it
    greetings: tuple[str, ...] = ()  # how a line begins that greets
    courtesies: tuple[str, ...] = ()  # polite words that decide nothing
    silent: tuple[
        str, ...
    ] = ()  # what adds nothing to an answer beside it: "thanks", "I", "this request"; all else is comment
    remarks: tuple[str, ...] = ()  # comments that change no answer: "good idea", "watch the budget"
    against: tuple[str, ...] = ()  # those that speak against it, and contradict a weak yes: "too expensive"
    but: tuple[str, ...] = ()  # turns from one thought to another
    doubts: tuple[
        str, ...
    ] = ()  # conditions, hedges, deferrals, parts of it, what others say: never an answer
    retractions: tuple[str, ...] = ()  # doubts that take back what was said: "wait", "by mistake"
    because: tuple[str, ...] = ()  # how a clause begins that gives a reason, whatever else it says: "since"
    asks: tuple[str, ...] = ()  # how a question begins
    elsewhere: tuple[str, ...] = ()  # marks that something else is spoken of: "yesterday", "the last one"
    next_time: tuple[str, ...] = ()  # how a sentence begins that is about later requests
    approve_stems: tuple[str, ...] = ()  # how words begin that speak of approving, in any form
    reject_stems: tuple[str, ...] = ()
    agree_stems: tuple[str, ...] = ()  # how words begin that agree with what was said, and need not decide
    numbered: tuple[str, ...] = ()  # words behind which a number is only a name: "order" 4711
    coded: tuple[
        str, ...
    ] = ()  # what people write before a colon and a code that limits nothing: "cost centre"
    things: tuple[
        str, ...
    ] = ()  # words behind which an unknown one only names what is bought: "purchase of the"
    articles: tuple[str, ...] = ()  # the same where it stands behind the answer: "the", "your"
    myself: tuple[str, ...] = ()  # who decides; behind them articles stand before the answer too: "i", "we"
    others: tuple[
        str, ...
    ] = ()  # who else may decide; before the answer it is theirs: "they", "the supplier"
    mine: tuple[
        str, ...
    ] = ()  # what whoever asks for something calls it; nobody answers their own: "my leave"
    reports: tuple[
        str, ...
    ] = ()  # how a clause ends behind which somebody else's answer follows: "has decided", "the system shows"
    as_reported: tuple[
        str, ...
    ] = ()  # how it begins where one's own follows: "as" the comparison shows, "hereby"
    for_now: tuple[str, ...] = ()  # times that make "cannot approve" a "not yet": "today", "right now"
    limits: tuple[
        str, ...
    ] = ()  # what an answer may hang on, or be of a part by: "if", "then", "only", "the rest"
    title_limits: tuple[
        str, ...
    ] = ()  # by which a title leaves open what is asked for, or something out: "or", "maybe", "without"
    abilities: tuple[
        str, ...
    ] = ()  # beside an answer they only say that somebody can or will give it: "can", "will"
    obligations: tuple[
        str, ...
    ] = ()  # the same of an approval; a rejection that must be is one: "must", "would like to"
    announces: tuple[
        str, ...
    ] = ()  # what says that one's own answer follows behind a comma: "I regret to inform"
    announced_to: tuple[str, ...] = ()  # whom, and how, beside that: "you", "unfortunately"
    that: tuple[
        str, ...
    ] = ()  # how a clause begins that says what somebody says, thinks or knows: "that the"
    undoing_stems: tuple[
        str, ...
    ] = ()  # how words begin that refuse, end or undo what a title speaks of: "cancel", "terminat"
    singles: tuple[str, ...] = ()  # behind them stands one thing, and never several: "a", "this"
    plurals: tuple[str, ...] = ()  # how words end that name several things
    form_labels: tuple[str, ...] = ()  # what stands before the answer in a form: "decision"
    comment_labels: tuple[str, ...] = ()  # the same for a comment
    form_ends: tuple[str, ...] = ()  # a line of a form below which nothing is said
    closings: tuple[str, ...] = ()  # lines below which stands who somebody is
    title_words: tuple[str, ...] = ()  # small words of titles and companies' names: "head of", "and"
    contact_labels: tuple[
        str, ...
    ] = ()  # what stands before a telephone number or an address: "tel", "e-mail"
    legal: tuple[str, ...] = ()  # how the small print begins that companies add
    afterwords: tuple[str, ...] = ()  # how a line begins that is said below a closing: "ps"
    authors: tuple[str, ...] = ()  # whose sayings people put below their names: "walt disney"
    confirms: tuple[str, ...] = ()  # says yes to what was understood: "yes", "that is right"
    wishes: tuple[str, ...] = ()  # of the doubts, what beside "needs changes" says what is wanted: "cheaper"
    turns: tuple[str, ...] = ()  # what may turn an earlier answer, and alone is no reason for it: "leave it"
    kinds: tuple[
        str, ...
    ] = ()  # nouns, each behind what it is: "journey trip"; of "place" each is another one
    months: tuple[str, ...] = ()  # each behind its number: "6 june"
    number_words: tuple[
        str, ...
    ] = ()  # the same, "3 three"; from a thousand on how they begin: "1000000 million"
    name_endings: tuple[str, ...] = ()  # in which forms of one name or noun differ: "a" and "ie" in Polish
    capitals: tuple[str, ...] = ()  # what is written with a capital besides names: "nouns" in German
    name_beginnings: tuple[str, ...] = ()  # what is written before one in the same word: "ה"


@dataclass(frozen=True)
class CommandWords:
    """What a reply asks for that answers nothing. All lower case. Read by `placet.replies.read_command`."""

    help: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    question: tuple[str, ...] = ()  # what stands before a colon and the question
    give: tuple[str, ...] = ()  # {name} stands for whom: "give to {name}"
    undo: tuple[str, ...] = ()


@dataclass(frozen=True)
class DigestWords:
    """How a reply names several lines of a digest. All lower case. Read by `placet.replies.read_digest`."""

    every: tuple[str, ...] = ()  # "all"
    rest: tuple[str, ...] = ()  # "the others": in a comment it may answer them, too
    but_for: tuple[str, ...] = ()  # "all except" 3
    also: tuple[str, ...] = ()  # 1 "and" 2
    until: tuple[str, ...] = ()  # 2 "to" 4
    of: tuple[str, ...] = ()  # yes "to" all: what may stand between an answer and its lines


@dataclass(frozen=True)
class RefusalTexts:
    """What a person is told whose answer was not clear, as sentences."""

    subject: str = ""  # stands before the request's title
    nothing_decided: str = ""
    was_read: str = ""
    answer_again: str = ""  # {answers} stands for the words that may be answered
    quoted: str = ""  # one of them, which is {word}, as it stands there
    either: str = ""  # what stands between them
    by_link: str = ""
    approve: str = ""  # the words to write
    reject: str = ""
    say_why_subject: str = ""  # above a mail that asks for the comment of a clear answer
    say_why: str = ""  # {answer} stands for that answer
    confirm_subject: str = ""  # above a mail that asks whether an answer was understood
    confirm: str = (
        ""  # {answer} stands for what was understood, {words} for what it was understood from, {yes} for yes
    )
    yes: str = ""  # the word to write

    def why_needed(self, word: str) -> str:
        """What was understood, and that its comment is missing."""
        return self.say_why.format(answer=(self.quoted or "“{word}”").format(word=word))

    def understood(self, word: str, said: str) -> str:
        """What was most likely meant, from what, and how to confirm it."""
        quoted = self.quoted or "“{word}”"
        said = said.rstrip(".")  # or there would be two, where the sentence ends behind it
        return self.confirm.format(
            answer=quoted.format(word=word), words=quoted.format(word=said), yes=quoted.format(word=self.yes)
        )

    def how(self, words: Iterable[str]) -> str:
        """How to answer again, with these words."""
        quoted, either = self.quoted or "“{word}”", self.either or ", "
        return self.answer_again.format(answers=either.join(quoted.format(word=word) for word in words))


@dataclass(frozen=True)
class Language:
    """One language, or what all of them share."""

    code: str
    name: str
    mail: MailWords = field(default_factory=MailWords)
    answer: AnswerWords = field(default_factory=AnswerWords)
    refusal: RefusalTexts = field(default_factory=RefusalTexts)
    command: CommandWords = field(default_factory=CommandWords)
    digest: DigestWords = field(default_factory=DigestWords)


# The lists of AnswerWords that are large, and looked up word by word; `read_vocabulary` says what each does.
PHRASES = (
    "fillers", "courtesies", "greetings", "remarks", "against", "negation_helpers", "negations", "but", "elsewhere",
    "because", "asks", "doubts", "retractions", "approve", "approve_weak", "reject", "reject_weak",
)  # fmt: skip
# Those besides whose words a slip of the finger may stand for.
PARTS = ("things", "articles", "myself", "others", "for_now")

SHIPPED = Path(str(files(__name__)))


def languages(folder: Path = SHIPPED) -> Mapping[str, Language]:
    """The languages of a folder by their code, as they stand in its files. Of those that come with Placet this takes
    a second and fifty megabytes: `languages.table` has them at once. Raises LanguageInvalid."""
    return {path.stem: _read(path) for path in sorted(folder.glob("*.toml"))}


def _read(path: Path) -> Language:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LanguageInvalid(f"{path.name} cannot be read: {error}.") from error
    tables = {
        "mail": MailWords, "answer": AnswerWords, "refusal": RefusalTexts, "command": CommandWords,
        "digest": DigestWords,
    }  # fmt: skip
    unknown = sorted(content.keys() - tables.keys() - {"name"})
    if unknown:
        raise LanguageInvalid(f"{path.name} has “{unknown[0]}”; known are name, {', '.join(tables)}.")
    name = content.get("name", path.stem)
    if not isinstance(name, str):
        raise LanguageInvalid(f"{path.name}: name must be a text.")
    made = {table: _table(path, table, kind, content.get(table, {})) for table, kind in tables.items()}
    return Language(path.stem, name, **made)


def _table(path: Path, table: str, kind: type[Any], content: object) -> Any:
    if not isinstance(content, dict):
        raise LanguageInvalid(f"{path.name}: {table} must be a table.")
    types = {one.name: str if kind is RefusalTexts else tuple for one in fields(kind)}
    for key, value in content.items():
        if key not in types:
            raise LanguageInvalid(f"{path.name}: [{table}] has “{key}”; known are {', '.join(types)}.")
        if types[key] is str and not isinstance(value, str):
            raise LanguageInvalid(f"{path.name}: {key} in [{table}] must be a text.")
        if types[key] is tuple and not _is_words(value):
            raise LanguageInvalid(f"{path.name}: {key} in [{table}] must be a list of texts in lower case.")
    if "answer_again" in content and "{answers}" not in content["answer_again"]:
        raise LanguageInvalid(
            f"{path.name}: answer_again in [{table}] needs {{answers}} where the words to write stand, which are those "
            "that a step offers; quoted is one of them, {word}, and either stands between them."
        )
    if "say_why" in content and "{answer}" not in content["say_why"]:
        raise LanguageInvalid(
            f"{path.name}: say_why in [{table}] needs {{answer}} where the answer that was understood stands."
        )
    if "confirm" in content and not all(
        one in content["confirm"] for one in ("{answer}", "{words}", "{yes}")
    ):
        raise LanguageInvalid(
            f"{path.name}: confirm in [{table}] needs {{answer}} where what was understood stands, {{words}} where it "
            f"was understood from, and {{yes}} where the word stands that confirms it."
        )
    if kind is CommandWords and any(text.count("{name}") != 1 for text in content.get("give", ())):
        raise LanguageInvalid(
            f"{path.name}: each text of give in [{table}] needs {{name}} once, where whom it is given to stands."
        )
    return kind(**{key: tuple(value) if types[key] is tuple else value for key, value in content.items()})


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, str) and one and one == one.lower() for one in value
    )
