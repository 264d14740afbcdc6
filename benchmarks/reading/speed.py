"""How long reading takes: beside the standard library, beside a peer, and on texts made to take long.

Everything that is compared takes turns on the same mails in the same run, so what else the machine does meets all
of it. Look at the ratios; the milliseconds hold for the machine that they were measured on.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import partial
from pathlib import Path

from benchmarks.reading.ask import ask
from benchmarks.reading.corpora import Answer
from benchmarks.reading.door import parsed, reading
from benchmarks.reading.mails import mails
from benchmarks.reading.peers import FOR_SPEED, NotInstalled, Runner
from benchmarks.reading.programs import Place
from benchmarks.reading.report import Section, Target, table
from placet.replies.parse.original import Original

MAILS = 400
TURNS = 5  # of each mail; the fastest counts
MOST = 3.0  # times the standard library
MEGABYTE = 1_000_000  # characters
SECONDS = 1.0  # for one text of a megabyte


def section(rows: Sequence[Answer], peers_in: Path | None) -> Section:
    raws = list(_usual(rows))
    timed = _Timed(raws)
    peer, why = _peer(raws, peers_in)
    shapes = {name: [_seconds(work) for work in works] for name, works in _shapes()}
    slowest = max(shapes, key=lambda name: max(shapes[name]))
    lines = [
        *table(
            ["median of a usual mail", "ms", "times the library"],
            [
                [name, f"{1000 * seconds:.2f}", f"{seconds / timed.library:.2f}"]
                for name, seconds in (
                    *timed.rows(),
                    *([("mail-parser-reply, 13 languages", peer)] if peer else []),
                )
            ],
        ),
        *([] if peer else [f"mail-parser-reply: {why}"]),
        "",
        *table(
            ["text of a megabyte, s", "mail", "ask known"],
            [[name, *(f"{seconds:.2f}" for seconds in found)] for name, found in shapes.items()],
        ),
    ]
    return Section(
        "Speed",
        lines,
        [
            Target(
                f"at most {MOST:.0f} times the standard library",
                f"{timed.placet / timed.library:.2f} times",
                timed.placet <= MOST * timed.library,
            ),
            Target(
                "faster than mail-parser-reply with 13 languages",
                f"{1000 * timed.placet:.2f} ms, it {1000 * peer:.2f} ms" if peer else why,
                timed.placet < peer if peer else None,
            ),
            Target(
                f"a text of a megabyte of any shape under {SECONDS:.0f} s",
                f"the slowest, {slowest}, {max(shapes[slowest]):.2f} s",
                max(shapes[slowest]) < SECONDS,
            ),
        ],
        {"median_seconds": {**dict(timed.rows()), "peer": peer}, "megabyte_seconds": shapes},
    )


def _usual(rows: Sequence[Answer]) -> Iterator[bytes]:
    """Answers above the quote, of every program alike."""
    above = [raw for _, _, place, raw in mails(rows) if place is Place.ABOVE]
    yield from above[:: max(1, len(above) // MAILS)]


# --- usual mails --------------------------------------------------------------------------------------------------


class _Timed:
    """Medians in seconds."""

    def __init__(self, raws: Sequence[bytes]) -> None:
        original = Original.of(ask().raw)
        ways: list[Callable[[bytes], object]] = [
            by_library,
            reading,
            lambda raw: reading(raw, original),
            parsed,
        ]
        best = [[min(times) for times in zip(*turns, strict=True)] for turns in _turns(raws, ways)]
        self.library, self.placet, self.known, self.parse = (
            statistics.median(times) for times in zip(*best, strict=True)
        )

    def rows(self) -> list[tuple[str, float]]:
        return [
            ("the standard library: parse, text", self.library),
            ("Placet: parse, new text, answer", self.placet),
            ("the same with the ask known", self.known),
            ("Placet: parse, new text", self.parse),
        ]


def _turns(raws: Sequence[bytes], ways: Sequence[Callable[[bytes], object]]) -> Iterator[list[list[float]]]:
    """For each mail: TURNS times the seconds of each way, one after the other."""
    for way in ways:
        way(raws[0])  # what is made once is made before
    for raw in raws:
        yield [[_seconds(partial(way, raw)) for way in ways] for _ in range(TURNS)]


def by_library(raw: bytes) -> str:
    """What everybody begins with: parse, and give the text of the body."""
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    part = message.get_body()
    return str(part.get_content()) if part else ""


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _peer(raws: Sequence[bytes], peers_in: Path | None) -> tuple[float, str]:
    """The median of the peer on the texts of the mails, or 0 and why there is none."""
    if peers_in is None:
        return 0.0, "left out"
    texts = [_text(raw) for raw in raws]
    try:
        with Runner(FOR_SPEED, peers_in) as runner:
            runner.read("text", texts[0])
            best = [min(runner.read("text", text).seconds for _ in range(TURNS)) for text in texts]
    except NotInstalled as reason:
        return 0.0, f"not installed: {reason}"
    return statistics.median(best), ""


def _text(raw: bytes) -> str:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    part = message.get_body(("plain", "html"))
    return str(part.get_content()) if part else ""


# --- texts made to take long --------------------------------------------------------------------------------------

_LINES = {
    "newlines": "\n",
    "“On Tue” lines": "On Tue, Nov 24, 2026 at 10:00 AM somebody\n",
    "“On Tue … wrote:” lines": "On Tue, Nov 24, 2026 at 10:00 AM A <a@b.example> wrote:\n",
    "“From:” lines": "From: somebody\n",
    "header blocks": "From: a\nSent: b\nTo: c\nSubject: d\n\n",
    "parentheses": "(",
    "quote marks": ">",
    "quoted lines": "> approve\n",
    "lines quoted in turn": "> approve\nno\n",
    "one word": "x",
    "blanks": " ",
    "dashes": "-",
    "underscores and letters": "_a",
    "signature lines": "-- \n",
    "answers": "yes no not approve reject ",
    "answers in lines": "approved\n",
    "negations": "not ",
    "conditions": "approved if ",
    "sentences": "I approve this. ",
    "question marks": "?",
    "exclamation marks": "!",
    "ideographs": "同意不",
    "kana": "はい",
    "emoji": "👍",
    "zero-width": "a\u200b",
    "combining marks": "e\u0301\u0300",
    "forms": "Decision: approve\n",
    "boxes": "[ ] approve [x] reject\n",
    "WorkflowGen answers": "Q1: [yes]\n",
    "addresses": "<a@b.example> ",
    "links": "https://a.example/?b=c ",
    "angle brackets": "<",
    "colons": "a:",
    "soft line breaks": "approve \n",
}
_MARKUP = {
    "nested divs": "<div>",
    "divs": "<div>a</div>",
    "nested quotes": "<blockquote>",
    "nested tables": "<table><tr><td>",
    "line breaks": "<br>",
    "entities": "&gt;",
    "open tags": "<a ",
    "attributes": "<p style='color:#fff;font-size:0'>a",
    "comments": "<!--",
    "styles": "<style>.a{display:none}",
    "spans": "<span>approve",
}


def _shapes() -> Iterator[tuple[str, list[Callable[[], object]]]]:
    """Each as a whole mail, with and without the ask known."""
    original = Original.of(ask().raw)
    bodies = {
        **{name: ("plain", piece) for name, piece in _LINES.items()},
        **{f"HTML: {name}": ("html", piece) for name, piece in _MARKUP.items()},
    }
    for name, (subtype, piece) in bodies.items():
        raw = _mail(subtype, piece * (MEGABYTE // len(piece)))
        yield name, [partial(reading, raw), partial(reading, raw, original)]


def _mail(subtype: str, text: str) -> bytes:
    head = f"From: ann@contoso.example\r\nContent-Type: text/{subtype}; charset=utf-8\r\n\r\n"
    return head.encode() + text.encode()
