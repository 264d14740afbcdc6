"""The new text of replies: Placet beside its peers, on the corpora that they were developed on.

Exact means: the same words in the same order, white space folded. A leak is a word kept that the writer did not
write now, a loss one of theirs that is gone; both are counted in mails. F1 is of the words kept, without
their order, as a mean over mails.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from benchmarks.reading.corpora import Reply
from benchmarks.reading.door import parsed
from benchmarks.reading.peers import PEERS, Found, NotInstalled, Peer, Runner
from benchmarks.reading.plain import text_of
from benchmarks.reading.report import Section, Target, share, table

PLACET = "Placet"
LEAKS = 4  # the best peer's leaks are at least so many times ours
_TAG = re.compile(r"<[a-z!/]", re.IGNORECASE)

GROUPS: dict[str, Callable[[Reply], bool]] = {
    "signature cut": lambda row: not row.with_signature,
    "quote only": lambda row: row.with_signature,
    "non-English headers": lambda row: row.language not in (None, "en"),
    "HTML": lambda row: row.kind == "html",
}


@dataclass(frozen=True)
class Score:
    """What one program made of one reply."""

    row: Reply
    found: tuple[str, ...]  # words
    problem: str  # "": it answered

    @property
    def exact(self) -> bool:
        if self.row.expected is None:
            text = " ".join(self.found)
            wanted, unwanted = (
                map(_folded, them) for them in (self.row.must_contain, self.row.must_not_contain)
            )
            return (
                not self.problem
                and all(one in text for one in wanted)
                and not any(one in text for one in unwanted)
            )
        return not self.problem and self.found == self.expected

    @property
    def expected(self) -> tuple[str, ...]:
        text = self.row.expected or ""
        return _words(text_of(text) if self.row.kind == "html" and _TAG.search(text) else text)

    @property
    def leaks(self) -> bool:
        """Only known where the whole text is known, or a piece of the quote is."""
        if self.row.expected is None:
            text = " ".join(self.found)
            return any(_folded(one) in text for one in self.row.must_not_contain)
        return bool(Counter(self.found) - Counter(self.expected))

    @property
    def loses(self) -> bool:
        if self.row.expected is None:
            text = " ".join(self.found)
            return not all(_folded(one) in text for one in self.row.must_contain)
        return bool(Counter(self.expected) - Counter(self.found))

    @property
    def f1(self) -> float:
        """Of the words kept; 1 where only pieces are known and these are right."""
        if self.row.expected is None:
            return float(self.exact)
        right = sum((Counter(self.found) & Counter(self.expected)).values())
        both = len(self.found) + len(self.expected)
        return 2 * right / both if both else 1.0


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _folded(text: str) -> str:
    return " ".join(text.split())


# --- running them -------------------------------------------------------------------------------------------------


def by_placet(row: Reply) -> Score:
    mail = parsed(row.raw)
    return Score(row, _words(mail.with_signature if row.with_signature else mail.new_text), "")


def by_peer(runner: Runner, row: Reply) -> Score:
    kind, text = body(row)
    found: Found = runner.read(kind, text)
    return Score(row, _words(found.text), found.problem)


def body(row: Reply) -> tuple[str, str]:
    """What a peer gets: "text" or "html", and the text of a mail by the standard library's means."""
    if row.kind != "eml":
        return row.kind, row.content.decode()
    message = message_from_bytes(row.content, policy=default)
    assert isinstance(message, EmailMessage)
    part = message.get_body(("plain", "html"))
    if part is None:
        return "text", ""
    return "html" if part.get_content_subtype() == "html" else "text", str(part.get_content())


def by_peers(rows: Sequence[Reply], folder: Path) -> Iterator[tuple[Peer, str, list[Score]]]:
    """Each peer with its version and scores. One that cannot be installed has the reason and no scores."""
    for peer in PEERS:
        with ExitStack() as stack:
            try:
                runner = stack.enter_context(Runner(peer, folder))
            except NotInstalled as reason:
                yield peer, f"not installed: {reason}", []
                continue
            yield peer, runner.version, [by_peer(runner, row) for row in rows]


# --- the report ---------------------------------------------------------------------------------------------------


def section(rows: Sequence[Reply], peers_in: Path | None) -> Section:
    """`peers_in`: the folder that peers are installed in; None leaves them out."""
    placet = [by_placet(row) for row in rows]
    found = list(by_peers(rows, peers_in)) if peers_in else []
    programs = {PLACET: placet, **{peer.name: scores for peer, _, scores in found if scores}}
    problems = [f"{peer.name}: {version}" for peer, version, scores in found if not scores]
    stopped = [
        f"{name}: {score.row.id}: {score.problem}"
        for name, scores in programs.items()
        for score in scores
        if score.problem
    ]
    lines = [
        *_tables(rows, programs),
        *(f"{peer.name} {version}" for peer, version, scores in found if scores),
        *problems,
        *(["mails that a peer did not answer (they count as missed):", *stopped] if stopped else []),
    ]
    figures = {
        "sets": {name: _figures(chosen, programs) for name, chosen in _sets(rows).items()},
        "versions": {peer.name: version for peer, version, _ in found},
        "not_answered": stopped,
        "missed": [score.row.id for score in placet if not score.exact],
        "leaked": [score.row.id for score in placet if score.leaks],
    }
    return Section("New text", lines, list(_targets(rows, programs, bool(found))), figures)


def _sets(rows: Sequence[Reply]) -> dict[str, set[str]]:
    """Name to ids: one for each corpus, one for each group, and all."""
    corpora = sorted({row.corpus for row in rows})
    return {
        **{corpus: {row.id for row in rows if row.corpus == corpus} for corpus in corpora},
        **{name: {row.id for row in rows if belongs(row)} for name, belongs in GROUPS.items()},
        "all": {row.id for row in rows},
    }


def _of(scores: Iterable[Score], ids: set[str]) -> list[Score]:
    return [score for score in scores if score.row.id in ids]


def _exact(scores: Sequence[Score]) -> int:
    return sum(score.exact for score in scores)


def _leaks(scores: Sequence[Score]) -> int:
    return sum(score.leaks for score in scores)


def _figures(ids: set[str], programs: dict[str, list[Score]]) -> dict[str, Any]:
    return {
        name: {
            "mails": len(chosen),
            "exact": _exact(chosen),
            "leaks": _leaks(chosen),
            "losses": sum(score.loses for score in chosen),
            "f1": round(sum(score.f1 for score in chosen) / len(chosen), 3),
        }
        for name, scores in programs.items()
        if (chosen := _of(scores, ids))
    }


def _tables(rows: Sequence[Reply], programs: dict[str, list[Score]]) -> Iterator[str]:
    for what, cell in (
        ("exact, percent", lambda one: share(one["exact"], one["mails"])),
        ("mails with a leak", lambda one: one["leaks"]),
        ("mails with a loss", lambda one: one["losses"]),
        ("F1 of the words kept", lambda one: one["f1"]),
    ):
        yield from table(
            [what, "mails", *programs],
            [
                [name, len(ids), *(cell(one) for one in _figures(ids, programs).values())]
                for name, ids in _sets(rows).items()
                if ids
            ],
        )
        yield ""


def _targets(rows: Sequence[Reply], programs: dict[str, list[Score]], measured: bool) -> Iterator[Target]:
    others = {name: scores for name, scores in programs.items() if name != PLACET}
    if not others:
        why = "no peer could be installed" if measured else "peers were left out"
        yield Target("above the best peer, with a quarter of its leaks", why, None)
        return
    owners = {peer.name: peer.corpus for peer in PEERS}
    for name, ids in _sets(rows).items():
        if not ids:
            continue
        corpora = {row.corpus for row in rows if row.id in ids}
        foreign = {
            peer: _exact(_of(scores, ids)) for peer, scores in others.items() if corpora != {owners[peer]}
        }
        best = max(foreign, key=lambda peer: foreign[peer])
        ours = _exact(_of(programs[PLACET], ids))
        yield Target(
            f"exact above the best peer: {name}",
            f"{ours} of {len(ids)}, {best} {foreign[best]}",
            ours > foreign[best] or ours == len(ids),
        )
    best = max(others, key=lambda peer: _exact(others[peer]))
    ours, theirs = _leaks(programs[PLACET]), _leaks(others[best])
    yield Target(
        "at most a quarter of the best peer's leaks", f"{ours}, {best} {theirs}", ours * LEAKS <= theirs
    )
