"""What a field offers that its process does not list itself. Knows nothing of the database."""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Listing:
    """The rows of a table, by their keys."""

    labels: Mapping[str, str] = field(default_factory=dict)  # as people read each
    names: Mapping[str, str] = field(default_factory=dict)  # what else each is called
    version: int = 0  # of an authority table; 0 for a table of the form
    # What a request holds already. It stays as it was kept, whatever has become of its row since.
    held: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def keys_called(self, text: str) -> Sequence[str]:
        """By the key, or by a name, however that is written; several where several are called so."""
        text = text.strip()
        if text in self.held or text in self.labels:
            return [text]
        if not text:
            return []
        return self._by_name.get(folded(text), [])

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        labels = self.offered
        for key, label in labels.items():
            for name in {folded(key), folded(label), folded(self.names.get(key, key))}:
                found[name].append(key)
        return dict(found)

    @cached_property
    def offered(self) -> Mapping[str, str]:
        """What is held stays to be chosen."""
        return {**self.labels, **{key: str(one["label"]) for key, one in self.held.items()}}

    def kept(self, key: str) -> Any:
        """What is stored of a choice: with what stood in the table, and in which version of it."""
        if key in self.held:
            return dict(self.held[key])
        if not self.version:
            return key
        return {"key": key, "label": self.labels[key], "version": self.version}

    def containing(self, text: str) -> list[tuple[str, str]]:
        """Keys and labels in which a text stands; those that begin with it first."""
        wanted = folded(text).replace(" – ", " ")
        written = ((key, folded(f"{key} {self.names.get(key, '')}")) for key in self.labels)
        found = [(key, one) for key, one in written if wanted in one]
        found.sort(key=lambda one: not one[1].startswith(wanted))
        return [(key, self.labels[key]) for key, _written in found]


def folded(text: str) -> str:
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return " ".join(plain.casefold().split())
