"""The language files as one table that is looked up where it lies: a start parses none of them, and what no mail asks
for takes no memory.

Its entries are JSON, each by its name:

    codes            every language, in the order of the files
    mail, refusal, command, digest    what each file has in the table of that name, by language
    small            of [answer] the lists that are looked up whole, by language: phrases in every spelling, a blank
                     between their words; and its `contracted` words with what they are
    legal            how small print begins, and
    form_labels      what stands before the colon in a form, of all languages as `placet.replies.parse` compares them
    answer WORD      true: this word alone may decide, or change what was decided; compared in the same way
    phrases WORD     the phrases that begin with this word in some spelling: texts by "CODE LIST", of the PHRASES
    words LETTER     single words of PHRASES and PARTS that begin with this letter, by CODE

A wheel that `make release` made has the table beside the files. Elsewhere `shipped` keeps what it made of the files
where Python keeps what it made of a module, in `__pycache__`, for whoever may read it. Where it may not write, each
start makes the table again, which takes seconds: `make setup` makes it beforehand. Every Python makes the same one,
byte for byte. An organisation's own files are small, and a table of their own in memory.
"""

import json
import os
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from functools import cache
from hashlib import blake2b
from importlib.util import cache_from_source
from pathlib import Path
from struct import Struct
from tempfile import NamedTemporaryFile
from typing import Any
from zlib import crc32

from placet.replies.languages import (
    PARTS,
    PHRASES,
    SHARED,
    SHIPPED,
    AnswerWords,
    Language,
    RefusalTexts,
    languages,
)
from placet.replies.read_tokens import (
    contractions,
    first_word,
    phrase,
    single_words,
    spellings,
    without_marks,
)

# The lists that decide or change what was decided.
_ANSWERS = ("approve", "approve_weak", "reject", "reject_weak", "negations", "but", "doubts")
#: The table in a wheel, beside the files.
IN_WHEEL = "words.table"
# What the table follows from, besides the files.
_CODE = ("languages/__init__.py", "languages/table.py", "read_tokens.py", "parse/folding.py")
_NUMBER = Struct("=I")
_DIGEST = 32  # bytes


class Table:
    """Entries, packed: how many rows there are, where each begins, the rows. What an entry is called says in which row
    it stands, and there are as many rows as entries: a look goes through one or two."""

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        """`read`: so many bytes from some place on."""
        (rows,) = _NUMBER.unpack(read(_NUMBER.size, 0))
        self._read, self._rows_at = read, _NUMBER.size * (rows + 2)
        self._begins = array("I", read(_NUMBER.size * (rows + 1), _NUMBER.size))

    @classmethod
    def in_memory(cls, packed: bytes) -> "Table":
        return cls(lambda size, at: packed[at : at + size])

    @staticmethod
    def packed(entries: Mapping[str, Any]) -> bytes:
        rows: list[list[bytes]] = [[] for _ in entries]
        for name, value in entries.items():
            whole = f"\n{name}\t{json.dumps(value, ensure_ascii=False, separators=(',', ':'))}"
            rows[crc32(name.encode()) % len(rows)].append(whole.encode())  # JSON has no line ends and tabs
        begins, at = array("I"), 0
        for row in rows:
            begins.append(at)
            at += sum(map(len, row))
        begins.append(at)
        body = b"".join(entry for row in rows for entry in row)
        return b"".join((_NUMBER.pack(len(rows)), begins.tobytes(), body))

    def get(self, name: str) -> Any:
        """The entry of this name; None if there is none."""
        called = name.encode("utf-8", "surrogatepass")  # it may come from a mail
        row = crc32(called) % (len(self._begins) - 1)
        before = b"\n%b\t" % called
        begin, end = self._begins[row], self._begins[row + 1]
        _, found, rest = (self._read(end - begin, self._rows_at + begin) + b"\n").partition(before)
        return json.loads(rest.partition(b"\n")[0]) if found else None


# --- what is asked of it --------------------------------------------------------------------------------------


@cache
def tables(own: Path | None = None) -> Sequence[Table]:
    """The table of the files that come with Placet, and behind it the one of an organisation's folder: a file there
    adds its words to the language of the same name, or adds the language. Raises LanguageInvalid."""
    return (shipped(), Table.in_memory(made(languages(own)))) if own is not None else (shipped(),)


def codes_of(known: Iterable[Table]) -> list[str]:
    """The languages that these tables have."""
    return list(dict.fromkeys(code for table in known for code in table.get("codes")))


@cache
def refusal_texts(own: Path | None = None) -> Mapping[str, RefusalTexts]:
    """What people are told, by the language's code; in the words of the organisation's own file where it has some.
    Raises LanguageInvalid."""
    said: dict[str, dict[str, str]] = {}
    for table in tables(own):
        for code, texts in table.get("refusal").items():
            said.setdefault(code, {}).update((name, text) for name, text in texts.items() if text)
    return {code: RefusalTexts(**texts) for code, texts in said.items()}


# --- how it is made -------------------------------------------------------------------------------------------


def made(known: Mapping[str, Language], own_words: Mapping[str, Sequence[str]] | None = None) -> bytes:
    """The table of these languages, packed. `own_words` are those of a process's own outcomes, which stand by
    "shared =OUTCOME"."""
    entries: dict[str, Any] = {
        "codes": list(known),
        "mail": {code: asdict(language.mail) for code, language in known.items()},
        "refusal": {code: asdict(language.refusal) for code, language in known.items()},
        "command": {code: asdict(language.command) for code, language in known.items()},
        "digest": {code: asdict(language.digest) for code, language in known.items()},
        "small": {code: _small(language) for code, language in known.items()},
        "legal": sorted(_as_parsed(known, ["legal"])),
        "form_labels": sorted(_as_parsed(known, ["form_labels", "comment_labels"])),
    }
    entries |= {f"answer {text}": True for text in sorted(_as_parsed(known, _ANSWERS)) if " " not in text}
    for code, language in known.items():
        _add(entries, code, {name: getattr(language.answer, name) for name in (*PHRASES, *PARTS)})
    if own_words:
        entries["codes"].append(SHARED)
        _add(entries, SHARED, {f"={outcome}": texts for outcome, texts in own_words.items()})
    return Table.packed(entries)


def _as_parsed(known: Mapping[str, Language], lists: Iterable[str]) -> set[str]:
    from placet.replies.parse.folding import fold  # whose package looks up what is made here

    return {fold(text) for one in known.values() for name in lists for text in getattr(one.answer, name)}


def _small(language: Language) -> dict[str, Any]:
    names = {one.name for one in fields(AnswerWords)} - {*PHRASES} | {"greetings"}  # these begin lines, too
    texts = {name: getattr(language.answer, name) for name in sorted(names)} | {
        "device": language.mail.device
    }
    return {name: list(dict.fromkeys(_spelled(found))) for name, found in texts.items()}


def _spelled(texts: Iterable[str]) -> Iterator[str]:
    return (" ".join(words) for text in texts for words in spellings(phrase(text)) if words)


def _add(entries: dict[str, Any], code: str, lists: Mapping[str, Sequence[str]]) -> None:
    spelled: dict[str, list[str]] = {}  # first words that were met before
    for name, texts in lists.items():
        if name in PARTS:
            continue
        for text in texts:
            first = first_word(text)
            if first and first not in spelled:
                spelled[first] = [word for (word,) in spellings((first,))]
            for word in spelled.get(first, ()):
                entries.setdefault(f"phrases {word}", {}).setdefault(f"{code} {name}", []).append(text)
    every = [text for texts in lists.values() for text in texts]
    for word in sorted(single_words(every)):
        entries.setdefault(f"words {letter_of(word)}", {}).setdefault(code, []).append(word)
    entries["small"].setdefault(code, {})["contracted"] = contractions(every)


def letter_of(word: str) -> str:
    """The first one, without its mark, which may be left out."""
    return without_marks(word[0])[0]


# --- how it is kept -------------------------------------------------------------------------------------------


@cache
def shipped() -> Table:
    """The table of the files that come with Placet: one that is kept, if it was made of them as they are."""
    path, source = Path(cache_from_source(str(SHIPPED / "words.py"))).with_suffix(".table"), _source()
    kept = _kept(SHIPPED / IN_WHEEL, source) or _kept(path, source)
    if kept is None:
        packed = made(languages())
        _keep(path, source, packed)
        kept = _kept(path, source) or Table.in_memory(packed)
    return kept


def _source() -> bytes:
    """What the table follows from."""
    digest = blake2b(sys.byteorder.encode(), digest_size=_DIGEST)
    for path in (*(SHIPPED.parent / name for name in _CODE), *sorted(SHIPPED.glob("*.toml"))):
        digest.update(path.name.encode() + blake2b(path.read_bytes()).digest())
    return digest.digest()


def _kept(path: Path, source: bytes) -> Table | None:
    """None if there is none, if it is of other files, or damaged. It stays open, and in the file: what is asked of it
    is read when it is asked for."""
    with suppress(OSError), path.open("rb") as file:
        seal, digest = file.read(2 * _DIGEST), blake2b(digest_size=_DIGEST)
        while piece := file.read(1 << 16):
            digest.update(piece)
        if seal == source + digest.digest():
            kept = os.dup(file.fileno())
            return Table(lambda size, at: os.pread(kept, size, 2 * _DIGEST + at))
    return None


def _keep(path: Path, source: bytes, packed: bytes) -> None:
    """Whole or not at all, and for every user of this machine. Not where we may not write."""
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True, parents=True)
        with NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
            new = Path(file.name)
            try:
                file.write(source + blake2b(packed, digest_size=_DIGEST).digest() + packed)
                os.fchmod(file.fileno(), 0o644)
                file.flush()
                new.replace(path)
            except OSError:
                new.unlink()
                raise


if __name__ == "__main__":
    shipped()
