"""Reading answers, measured on public mail, which is not ours to ship.

The figures themselves come from `python -m benchmarks.reading`, which also measures other programs; what is asserted
here is what was seen, a little rounded. Nothing is printed of the replies that are held back.
"""

import base64
import json
import subprocess
from collections.abc import Sequence

import pytest

from benchmarks.reading import answers, corpora, mails, stripping
from benchmarks.reading.ask import ask
from benchmarks.reading.door import parsed
from benchmarks.reading.locales import LOCALES
from benchmarks.reading.programs import PROGRAMS, Answered, Place, write
from benchmarks.tenant import command
from placet.replies.parse.original import Original
from placet.replies.read import read_mail

SHORT = corpora.answers(corpora.FOLDER)
LONG = corpora.replies(corpora.FOLDER)
EXACT = {  # of the mails of a corpus
    "crisp_email_reply_parser": 0.93,
    "email_reply_trimmer": 0.87,
    "github_email_reply_parser": 0.91,
    "talon": 0.87,
    "willdurand_email_reply_parser": 0.96,
    "zapier_email_reply_parser": 0.91,
}
MOST_LEAKS = 0.035  # of all mails


def test_no_short_reply_is_read_wrongly() -> None:
    results = answers.measure(SHORT, answers.by_placet)
    assert [one.row.id for one in results if one.wrong and not one.row.held_back] == []
    wrong = sum(one.wrong for one in results)
    assert wrong == 0


def test_nearly_every_clear_reply_is_decided() -> None:
    results = [one for one in answers.measure(SHORT, answers.by_placet) if one.row.clear]
    assert share(results) >= 95
    languages = {one.row.language for one in results}
    per_language = {code: share([one for one in results if one.row.language == code]) for code in languages}
    assert {code: percent for code, percent in per_language.items() if percent < 75} == {}


def share(results: Sequence[answers.Result | mails.Result]) -> float:
    """Percent of clear replies that were decided."""
    return 100 * sum(one.decided for one in results) / len(results)


@pytest.mark.long
def test_the_mail_programs_around_a_reply_do_not_change_it() -> None:
    """A quarter of the replies, in every program and place; all of them are in the benchmark."""
    results = list(mails.measure(SHORT[::4]))
    assert [
        (one.row.id, one.program, one.place) for one in results if one.wrong and not one.row.held_back
    ] == []
    wrong = sum(one.wrong for one in results)
    assert wrong == 0
    assert share([one for one in results if one.known and one.row.clear]) >= 90


@pytest.mark.parametrize("corpus", EXACT)
def test_the_new_text_of_a_reply_is_found(corpus: str) -> None:
    scores = [stripping.by_placet(row) for row in LONG if row.corpus == corpus]
    assert sum(score.exact for score in scores) >= EXACT[corpus] * len(scores)


def test_quoted_text_hardly_ever_leaks() -> None:
    leaked = [row.id for row in LONG if stripping.by_placet(row).leaks]
    assert len(leaked) <= MOST_LEAKS * len(LONG), leaked


def test_explain_gives_line_by_line_what_the_functions_give() -> None:
    """Through a process of its own: short replies in mails whose ask is known, and the public mails."""
    asked = ask()
    original, names = Original.of(asked.raw), list(PROGRAMS)
    raws = [
        (
            write(
                names[at % len(names)], Answered(row.text, list(Place)[at % 3], LOCALES[row.language], asked)
            ),
            asked.raw,
        )
        for at, row in enumerate(SHORT[::3])
    ] + [(row.raw, b"") for row in LONG[::3]]
    lines = [
        {"id": at, "raw_base64": _base64(raw)} | ({"original_base64": _base64(answered)} if answered else {})
        for at, (raw, answered) in enumerate(raws)
    ]
    asking = "".join(f"{json.dumps(line)}\n" for line in lines)
    done = subprocess.run(
        [command(), "explain", "--jsonl"],
        input=asking,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["id"] for one in said] == list(range(len(raws)))
    for one, (raw, answered) in zip(said, raws, strict=True):
        mail = parsed(raw, original if answered else None)
        assert (one["automatic"], one["error"]) == (mail.automatic, None)
        assert (one["new_text"], one["with_signature"]) == (mail.new_text, mail.with_signature)
        reading = None if mail.automatic else read_mail(mail)
        assert one["outcome"] == (reading.outcome if reading else None)
        assert one["comment"] == (reading.comment if reading else "")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
