"""How likely a text that is not clear says an answer: what its sentences weigh, and the text as a whole.

Both are logistic regressions over the signs in `read_signs`, made by `make train` of texts of our own and of the words
of `languages/`. They never decide: all that comes of them is which answer is offered to be confirmed (`read_likely`).
"""

import json
import math
import struct
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from placet.replies.read_signs import KINDS, PLACES, Shares

OF_SENTENCES = Path(__file__).with_name("sentence_weights.bin")
OF_TEXTS = Path(__file__).with_name("text_weights.json")
#: A sentence of a hundred signs weighs no more than one of ten for being longer.
LENGTH = 10.0
_HEAD = struct.Struct(f"<{2 * len(KINDS)}f")


@dataclass(frozen=True)
class SentenceWeights:
    """For each of the KINDS: what every sentence weighs, and what each sign does in steps of some size."""

    always: Sequence[float]
    steps: Sequence[float]
    weights: Sequence[Sequence[int]]  # by kind and place, from -127 to 127

    def packed(self) -> bytes:
        rows = (array("b", row).tobytes() for row in self.weights)
        return _HEAD.pack(*self.always, *self.steps) + b"".join(rows)

    @classmethod
    def of(cls, packed: bytes) -> "SentenceWeights":
        numbers = _HEAD.unpack_from(packed)
        signed = memoryview(packed)[_HEAD.size :].cast("b")
        rows = [signed[PLACES * at : PLACES * (at + 1)] for at in range(len(KINDS))]
        return cls(numbers[: len(KINDS)], numbers[len(KINDS) :], rows)

    def shares(self, places: Collection[int]) -> Shares:
        """Of a sentence that has signs at these places; they add up to 1."""
        length = LENGTH / math.sqrt(max(len(places), 1))
        ordered = sorted(places)
        return _shares(
            always + step * length * sum(map(row.__getitem__, ordered))
            for always, step, row in zip(self.always, self.steps, self.weights, strict=True)
        )


def _shares(weights: Iterable[float]) -> list[float]:
    known = [*weights]
    highest = max(known)
    powers = [math.exp(one - highest) for one in known]
    return [one / sum(powers) for one in powers]


@cache
def sentence_weights() -> SentenceWeights:
    return SentenceWeights.of(OF_SENTENCES.read_bytes())


@cache
def text_weights() -> Mapping[str, Mapping[str, float]]:
    """By what a text says, the weight of each sign; "" stands for what every text weighs."""
    known: Mapping[str, Mapping[str, float]] = json.loads(OF_TEXTS.read_text())["weights"]
    return known


def text_shares(signs: Mapping[str, float]) -> Mapping[str, float]:
    """What a text says, with the share of each; they add up to 1. A sign that is not known weighs nothing."""
    known = text_weights()
    weights = (
        of[""] + sum(of.get(name, 0.0) * value for name, value in signs.items()) for of in known.values()
    )
    return dict(zip(known, _shares(weights), strict=True))
