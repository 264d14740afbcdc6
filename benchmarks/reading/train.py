"""`make train`: the weights by which an answer is offered to be confirmed (`placet.replies.read_weights`).

They are made of texts of our own: the words of `languages/`, the letters of `tests/replies/training`, the short answers
of `tests/replies/answers`, and the half of `tests/replies/letters` that is shown. The corpora and the other half only
measure (`python -m benchmarks.reading --guesses`).

What a text says is learned of what its sentences weigh. For a training letter they are weighed by what was learned
without it, in PARTS parts: of sentences that are known by heart nothing can be learned about others.
"""

import json
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks.reading.answers import UNCLEAR
from benchmarks.reading.letters import FOLDER, letters
from benchmarks.reading.training import ROLES, digest, training_letters
from placet.replies import read_frame
from placet.replies.languages import SHIPPED, languages
from placet.replies.read import read_text
from placet.replies.read_clauses import Text
from placet.replies.read_facts import UNKNOWN, About
from placet.replies.read_likely import saying, sentence_shares
from placet.replies.read_named import RequestWords, names_in
from placet.replies.read_signs import KINDS, PLACES, places_of, request_stems, signs_of, words_of
from placet.replies.read_tokens import composed, phrase
from placet.replies.read_view import View, languages_of, view_of
from placet.replies.read_vocabulary import APPROVE, REJECT, vocabulary
from placet.replies.read_weights import LENGTH, OF_SENTENCES, OF_TEXTS, SentenceWeights

#: What the phrases of a list of `languages/` are weighed as.
LISTS: Mapping[str, str] = {
    **dict.fromkeys(("approve", "approve_weak"), APPROVE),
    **dict.fromkeys(("reject", "reject_weak"), REJECT),
    **dict.fromkeys(("doubts", "retractions", "asks", "for_now", "limits"), "limit"),
    **dict.fromkeys(("courtesies", "fillers", "remarks", "greetings", "wishes", "silent"), "talk"),
}
PARTS = 3
PHRASE, SHORT_ANSWER = 0.15, 0.5  # what one counts beside a sentence of a training letter
LETTER = 5.0  # the same beside a training letter: of those more are treacherous than of people's
OF_SENTENCE, OF_TEXT = 0.05, 0.1  # how far single weights may go: scikit-learn's C
TURNS = 100
DIGITS = 4
NO_PART = -1


@dataclass(frozen=True)
class Example:
    """A phrase or a sentence: where its signs stand, what it is, and what it counts."""

    places: Collection[int]
    kind: str
    counts: float
    part: int = NO_PART


@dataclass(frozen=True)
class Row:
    """A text that the reader decides nothing of, as it understands it."""

    text: Text
    views: Sequence[View]
    about: About
    label: str
    part: int


def main() -> None:
    examples = [*_phrases(), *_short_answers(), *_sentences()]
    rows = [*_rows()]
    weights = sentence_weights(examples)
    by_part = {part: sentence_weights([e for e in examples if e.part != part]) for part in range(PARTS)}
    signs = [_signs(row, by_part.get(row.part, weights)) for row in rows]
    learned = text_weights(
        signs, [row.label for row in rows], [LETTER if row.part == NO_PART else 1.0 for row in rows]
    )
    OF_SENTENCES.write_bytes(weights.packed())
    OF_TEXTS.write_text(json.dumps({"letters": digest(), "weights": learned}, indent=1) + "\n")
    print(f"{len(examples)} phrases and sentences, {len(rows)} texts")


# --- what is learned from ---------------------------------------------------------------------------------------


def _phrases() -> Iterator[Example]:
    for language in languages(SHIPPED).values():
        for name, kind in LISTS.items():
            for text in getattr(language.answer, name):
                yield Example(places_of(phrase(text)), kind, PHRASE)


def _short_answers() -> Iterator[Example]:
    for path in sorted((FOLDER.parent / "answers").glob("*.toml")):
        for label, texts in sorted(tomllib.loads(path.read_text()).items()):
            for text in texts:
                places = _sentence_places(text, UNKNOWN)
                if len(places) == 1:
                    yield Example(places[0], "limit" if label == UNCLEAR else label, SHORT_ANSWER)


def _sentences() -> Iterator[Example]:
    for letter in training_letters():
        for role, text in letter.sentences:
            for places in _sentence_places(text, letter.about):
                yield Example(places, ROLES[role], 1, letter.request % PARTS)


def _sentence_places(text: str, about: About) -> Sequence[Collection[int]]:
    found = Text.of(composed(text), vocabulary(), framed=False)
    stems = request_stems(about)
    return [places_of(words_of(found, sentence, stems)) for sentence in saying(found, ())]


def _rows() -> Iterator[Row]:
    texts = [
        *((one.text, one.about, one.label, NO_PART) for one in letters() if not one.held_back),
        *((one.text, one.about, one.label, one.request % PARTS) for one in training_letters()),
    ]
    known = vocabulary()
    for text, about, label, part in texts:
        if read_text(text, about=about).outcome is None:
            whole, _below = read_frame.at_dashes(read_frame.without_codes(composed(text)))
            names = names_in(whole, about, known)
            found = Text.of(whole, known, names=names, request=RequestWords(about, known))
            views = [view_of(found, code) for code in languages_of(found)]
            if saying(found, views):
                yield Row(found, views, about, label, part)


# --- learning ---------------------------------------------------------------------------------------------------


def sentence_weights(examples: Sequence[Example]) -> SentenceWeights:
    ends = numpy.cumsum([0, *(len(one.places) for one in examples)])
    columns = numpy.concatenate([sorted(one.places) for one in examples]).astype(numpy.int32)
    lengths: Any = numpy.repeat(
        [LENGTH / max(len(one.places), 1) ** 0.5 for one in examples], numpy.diff(ends)
    )
    signs = csr_matrix((lengths.astype(numpy.float32), columns, ends), shape=(len(examples), PLACES))
    model = LogisticRegression(C=OF_SENTENCE, max_iter=TURNS, class_weight="balanced", tol=1e-3)
    model.fit(signs, [one.kind for one in examples], [one.counts for one in examples])
    rows = [model.coef_[[*model.classes_].index(kind)] for kind in KINDS]
    steps = [float(numpy.abs(row).max()) / 127 for row in rows]
    return SentenceWeights(
        [float(model.intercept_[[*model.classes_].index(kind)]) for kind in KINDS],
        steps,
        [numpy.rint(row / step).astype(int).tolist() for row, step in zip(rows, steps, strict=True)],
    )


def _signs(row: Row, weights: SentenceWeights) -> Mapping[str, float]:
    shares = sentence_shares(row.text, saying(row.text, row.views), row.about, weights)
    return signs_of(row.text, shares, row.views, row.about)


def text_weights(
    signs: Sequence[Mapping[str, float]], labels: Sequence[str], counts: Sequence[float]
) -> Mapping[str, Mapping[str, float]]:
    """By label and sign; "" stands for what every text weighs."""
    names = sorted({name for one in signs for name in one})
    table = numpy.array([[float(one.get(name, 0)) for name in names] for one in signs])
    scaler = StandardScaler().fit(table)
    model = LogisticRegression(C=OF_TEXT, max_iter=10 * TURNS).fit(scaler.transform(table), labels, counts)
    known: dict[str, Mapping[str, float]] = {}
    for label, row, always in zip(model.classes_, model.coef_, model.intercept_, strict=True):
        weights = row / scaler.scale_
        known[str(label)] = {
            "": round(float(always - weights @ scaler.mean_), DIGITS),
            **{name: round(float(one), DIGITS) for name, one in zip(names, weights, strict=True)},
        }
    return known


if __name__ == "__main__":
    main()
