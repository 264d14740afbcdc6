"""The table of the language files: what it gives is what stands in them, and a table that is no longer good is made
anew."""

import os
import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Set
from dataclasses import fields
from pathlib import Path
from zlib import crc32

import pytest

from placet.replies.languages import PARTS, PHRASES, SHARED, SHIPPED, AnswerWords, Language, languages, table
from placet.replies.languages.table import Table, letter_of, made, refusal_texts
from placet.replies.parse import words
from placet.replies.parse.folding import fold
from placet.replies.read_phrases import Meaning, _Node
from placet.replies.read_tokens import contractions, phrase, single_words, spellings
from placet.replies.read_vocabulary import _MEANINGS, Lines, Vocabulary, vocabulary
from tests.installation import PATIENCE
from tests.rotation import whole
from tests.words import LANGUAGES

OWN = {
    "en": """
        [mail]
        device = ["sent from my abacus"]
        [answer]
        approve = ["make it snappy", "approved"]
        negations = ["t'ain't"]
        doubts = ["make it", "genehmigt vielleicht"]
        silent = ["by jove"]
        [refusal]
        subject = "Pardon?"
    """,
    "tlh": """
        [mail]
        starts = ["qo "]
        [answer]
        approve = ["hislah", "ok"]
        reject = ["gho'be", "the übel"]
        approve_stems = ["hisl"]
        things = ["nuqneh"]
    """,
}

Phrases = Mapping[tuple[str, ...], list[Meaning]]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    for code, content in OWN.items():
        (folder / f"{code}.toml").write_text(content)
    return folder


@pytest.fixture(scope="module", params=["", "de tlh"])
def reading(request: pytest.FixtureRequest, own: Path) -> tuple[Vocabulary, list[Language], list[Language]]:
    """A vocabulary; the languages of the files that it is made of; those of them whose answers count."""
    every = [*LANGUAGES.values(), *languages(own).values()]
    only = request.param
    counting = [one for one in every if not only or one.code in (*only.split(), SHARED)]
    return vocabulary(own, only), every, counting


def test_every_phrase_is_looked_up_as_it_stands_in_its_file(
    reading: tuple[Vocabulary, list[Language], list[Language]], request: pytest.FixtureRequest
) -> None:
    """And nothing else is. In the suite those that begin with every tenth word, in `make soak` all."""
    known, every, counting = reading
    part = 1 if whole(request.config) else 10
    firsts = {
        first
        for one in every
        for name in PHRASES
        for text in getattr(one.answer, name)
        for said in spellings(phrase(text)[:1])
        for first in said
        if crc32(first.encode()) % part == 0
    }
    plain = _phrases(counting, firsts)
    assert {
        said: node.meanings
        for first in firsts
        if (root := known.phrases._below(first)) is not None
        for said, node in _nodes((first,), root)
        if node.meanings
    } == plain


def _phrases(counting: list[Language], firsts: Set[str]) -> Phrases:
    places = list(dict.fromkeys(one.code for one in counting))
    plain: dict[tuple[str, ...], list[Meaning]] = {}
    for name in PHRASES:
        for one in counting:
            meaning = Meaning(one.code, *_MEANINGS[name])
            for text in getattr(one.answer, name):
                for said in spellings(phrase(text)):
                    if said[:1] and said[0] in firsts and meaning not in plain.setdefault(said, []):
                        plain[said].append(meaning)
    for meanings in plain.values():
        meanings.sort(key=lambda meaning: places.index(meaning.language))
    return plain


def _nodes(said: tuple[str, ...], node: _Node) -> Iterator[tuple[tuple[str, ...], _Node]]:
    yield said, node
    for word, below in node.next.items():
        yield from _nodes((*said, word), below)


def test_every_word_is_known_as_it_stands_in_its_file(
    reading: tuple[Vocabulary, list[Language], list[Language]],
) -> None:
    known, every, counting = reading
    texts = [text for one in counting for name in (*PHRASES, *PARTS) for text in getattr(one.answer, name)]
    plain = single_words(texts)
    by_letter: dict[str, set[str]] = {
        letter_of(word): set() for one in every for word in single_words(one.answer.doubts)
    }
    for word in plain:
        by_letter.setdefault(letter_of(word), set()).update(*spellings((word,)))
    assert {letter: known.words._beginning_with(letter) for letter in by_letter} == by_letter
    for word, parts in contractions(texts).items():
        assert known.words.apart(word) == ((word,) if word in plain else parts)


def test_every_other_list_is_what_its_file_says(
    reading: tuple[Vocabulary, list[Language], list[Language]],
) -> None:
    known, every, counting = reading
    for line in fields(Lines):
        said = (
            [text for one in every for text in one.mail.device]
            if line.name == "device"
            else [text for one in counting for text in getattr(one.answer, line.name)]
        )
        assert getattr(known.lines, line.name) == _spelled(said), line.name
    for code in {one.code for one in every}:
        of = [one.answer for one in counting if one.code == code]
        shared = [text for one in counting if one.code == SHARED for text in one.answer.silent]
        for name in PARTS:
            assert getattr(known.parts[code], name) == _spelled(
                [text for one in of for text in getattr(one, name)]
            )
        assert known.silent[code] == _spelled([*shared, *(text for one in of for text in one.silent)])
        for outcome in ("approve", "reject"):
            stems = _spelled([text for one in of for text in getattr(one, f"{outcome}_stems")])
            assert set(known.stems[outcome].get(code, ())) == {"".join(stem) for stem in stems}
    assert known.seen == _spelled([text for one in counting for text in one.answer.seen])


def _spelled(texts: list[str]) -> set[tuple[str, ...]]:
    return {said for text in texts for said in spellings(phrase(text)) if said}


def test_what_mails_are_parsed_by_is_what_the_files_say() -> None:
    assert {code: one.mail for code, one in LANGUAGES.items()} == words.LANGUAGES
    every = {
        name: {fold(text) for one in LANGUAGES.values() for text in getattr(one.answer, name)}
        for name in (*PHRASES, "legal", "form_labels", "comment_labels")
    }
    deciding = set().union(
        *(every[name] for name in ("approve", "approve_weak", "reject", "reject_weak")),
        *(every[name] for name in ("negations", "but", "doubts")),
    )
    for name in PHRASES:
        for text in every[name]:
            assert (text in words.ANSWERS) == (text in deciding and " " not in text), text
    assert set(words.LEGAL) == every["legal"]
    assert every["form_labels"] | every["comment_labels"] == words.FORM_LABELS


def test_what_people_are_told_is_what_the_files_say(own: Path) -> None:
    assert refusal_texts() == {code: one.refusal for code, one in LANGUAGES.items()}
    told = refusal_texts(own)
    assert (told["en"].subject, told["en"].approve) == ("Pardon?", LANGUAGES["en"].refusal.approve)
    assert told["tlh"].subject == ""


def test_every_list_of_answers_has_its_place() -> None:
    assert list(_MEANINGS) == list(PHRASES)
    assert {*PHRASES, *PARTS} <= {one.name for one in fields(AnswerWords)}


@pytest.mark.parametrize(
    "name", ["", "a", "a\t", "a\t1\nb", "b\n", "\n", "\ud800", "phrases \udcff", "c" * 100_000]
)
def test_a_name_that_a_mail_thought_of_is_no_entry(name: str) -> None:
    found = Table.in_memory(Table.packed({"a b": 1, "b": ["x\ny\tz"], "ç": {"ö": "\u2028"}}))
    assert found.get(name) == (["x\ny\tz"] if name == "b" else None)
    assert (found.get("a b"), found.get("ç")) == (1, {"ö": "\u2028"})


# --- how it is kept -------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where it is kept; that of a language of one word, so that it is made at once."""
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "cache"))
    monkeypatch.setattr(
        table, "languages", lambda: {"en": Language("en", "English", answer=AnswerWords(approve=("yes",)))}
    )
    assert _is_good(_shipped())
    (found,) = (tmp_path / "cache").rglob("*.table")
    yield found
    assert [*found.parent.iterdir()] == [found]


def _shipped() -> Table:
    return table.shipped.__wrapped__()


def _is_good(found: Table) -> bool:
    return (found.get("codes"), found.get("phrases yes")) == (["en"], {"en approve": ["yes"]})


def _never() -> Mapping[str, Language]:
    raise AssertionError("the files were read")


def test_a_second_start_reads_no_file_of_words(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "languages", _never)
    assert _is_good(_shipped())
    assert kept.stat().st_mode & 0o777 == 0o644  # whoever runs Placet reads it, whoever made it


def test_the_one_in_a_wheel_is_used_and_no_other_made(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = table._source()
    monkeypatch.setattr(table, "SHIPPED", tmp_path)
    monkeypatch.setattr(table, "_source", lambda: source)
    kept.rename(tmp_path / table.IN_WHEEL)
    monkeypatch.setattr(table, "languages", _never)
    assert _is_good(_shipped())
    (tmp_path / table.IN_WHEEL).rename(kept)


def test_every_run_makes_the_same_one() -> None:
    """Sets are in another order in each."""
    code = (
        "import hashlib; from placet.replies.languages import languages; "
        "from placet.replies.languages.table import made; "
        "print(hashlib.sha256(made({code: languages()[code] for code in ('en', 'fr')})).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, timeout=PATIENCE, check=True,
        )
        for seed in ("1", "2")
    ]  # fmt: skip
    assert runs[0].stdout == runs[1].stdout != ""


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.toml")), ids=lambda file: file.stem)
def test_every_python_knows_its_letters_so_that_all_make_the_same_one(file: Path) -> None:
    """Unicode keeps what a letter that has been given folds to; the oldest Python that we run on knows the fewest."""
    assert not {letter for letter in file.read_text() if unicodedata.category(letter) == "Cn"}


@pytest.mark.parametrize(
    "damaged",
    [
        lambda whole: b"",
        lambda whole: whole[:40],
        lambda whole: whole[:-1],
        lambda whole: whole + b"\n",
        lambda whole: whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:],
        lambda whole: whole[:64] + made({}),
        lambda whole: bytes(len(whole)),
    ],
)
def test_a_damaged_one_is_made_anew(kept: Path, damaged: object) -> None:
    whole = kept.read_bytes()
    kept.write_bytes(damaged(whole))  # type: ignore[operator]
    assert _is_good(_shipped())
    assert kept.read_bytes() == whole


def test_one_of_other_files_is_made_anew(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_source", lambda: bytes(32))
    kept.write_bytes(kept.read_bytes())
    monkeypatch.setattr(table, "languages", lambda: {"xx": Language("xx", "Another")})
    assert _shipped().get("codes") == ["xx"]


@pytest.mark.parametrize("change", ["a word", "a language", "the code"])
def test_whatever_it_follows_from_makes_another(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "languages"
    for name in table._CODE:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("code")
    (folder / "en.toml").write_text("words")
    monkeypatch.setattr(table, "SHIPPED", folder)
    before = table._source()
    changed = {
        "a word": "languages/en.toml",
        "a language": "languages/gsw.toml",
        "the code": "read_tokens.py",
    }
    (tmp_path / changed[change]).write_text("other")
    assert table._source() != before


def test_one_that_cannot_be_kept_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "file"))  # no folder can be made in it
    monkeypatch.setattr(
        table, "languages", lambda: {"en": Language("en", "English", answer=AnswerWords(approve=("yes",)))}
    )
    assert _is_good(_shipped())


def test_a_full_disk_leaves_nothing_behind(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    kept.write_bytes(b"old")
    monkeypatch.setattr("os.fchmod", full)
    assert _is_good(_shipped())
    assert kept.read_bytes() == b"old"
