"""What is offered to be confirmed of the letters that decide nothing: by what they say, and as what it is offered.

It never counts by itself, so there is no target: a guess of what is not clear costs its writer a mail, and one that is
not made costs another letter. The half that is held back is counted apart.
"""

from collections import Counter

from benchmarks.reading.answers import UNCLEAR
from benchmarks.reading.letters import letters
from benchmarks.reading.report import Section, table
from placet.replies.read_vocabulary import APPROVE, REJECT

LABELS = (APPROVE, REJECT, UNCLEAR)
OFFERED = (APPROVE, REJECT, "nothing")
PARTS = {False: "shown", True: "held back"}


def section() -> Section:
    """How many of each label are offered as what, in each half."""
    count: Counter[tuple[bool, str, str]] = Counter()
    for letter in letters():
        reading = letter.read()
        if reading.outcome is None:
            offered = reading.likely.outcome if reading.likely else OFFERED[-1]
            count[letter.held_back, letter.label, offered] += 1
    rows = [
        [f"{label}, {name}", *(count[part, label, offered] for offered in OFFERED)]
        for label in LABELS
        for part, name in PARTS.items()
    ]
    return Section(
        "Guesses: letters that decide nothing, and what is offered of them",
        table(["they say", *(f"offered: {offered}" for offered in OFFERED)], rows),
        figures={
            name: {label: {offered: count[part, label, offered] for offered in OFFERED} for label in LABELS}
            for part, name in PARTS.items()
        },
    )
