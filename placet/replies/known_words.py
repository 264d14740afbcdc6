"""Words that replies say approve or reject with, as they are listed for a language: for pages that show them."""

import tomllib
from functools import lru_cache

from placet.replies.languages import SHIPPED

SHOWN = 8
_LISTS = {"approve": ("approve_weak", "approve"), "reject": ("reject_weak", "reject")}


@lru_cache(maxsize=64)
def known_words(outcome: str, language: str) -> tuple[str, ...]:
    """Single words of one language, the shortest first; none for an outcome of a process's own, and for a language that
    replies are not read in. Reads one file: the whole vocabulary would be looked up word by word, and not listed."""
    code = language.lower().partition("-")[0]
    if outcome not in _LISTS or code not in {path.stem for path in SHIPPED.glob("*.toml")}:
        return ()
    answer = tomllib.loads((SHIPPED / f"{code}.toml").read_text(encoding="utf-8")).get("answer", {})
    listed = {
        word
        for name in _LISTS[outcome]
        for word in answer.get(name, ())
        if " " not in word and word.isalpha()
    }
    return tuple(sorted(listed, key=lambda word: (len(word), word)))
