"""Whether the sentence that decides begins with another thing than the request: "As for Lille, approved."

What is not understood before an answer may be a reason, or what the answer is about. It is taken for another thing if
it holds a name, an identifier that is none of the request's, or a decision of its own about something that the request
does not have. Behind the answer such words are reasons, which may name what they like.

This only ever adds a doubt.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from placet.lib.sentences import NOTHING, Sentence
from placet.replies.read_clauses import Spoken, Taken, Text
from placet.replies.read_facts import About
from placet.replies.read_matter import OTHER, other_date, other_place
from placet.replies.read_shown import Shown, bare
from placet.replies.read_tokens import Kind, is_ideograph
from placet.replies.read_view import View

#: "4500-7791", "88/B", "contoso.example"; not a month of a year, "05/2025".
_IDENTIFIER = re.compile(
    r"(?<![^\W_])(?<![0-9][.,/-])(?!(?:0?[1-9]|1[0-2])[-/](?:19|20)[0-9]{2}(?![0-9]))"
    r"(?:[0-9]{2,4}[-/][0-9]{3,12}|[0-9]{1,6}[-/][A-Z]{1,3})(?![^\W_]|[.,/-][0-9])"
    r"|(?<![\w.@-])[a-z0-9][a-z0-9-]{2,62}\.[a-z]{2,8}(?![\w.@-])"
)
_BLANKS = re.compile(r"\s")
_SIGNS = re.compile(r"[-–/_. \u00a0]")
_SHOWN = 80  # characters
_SHORTEST = 3  # letters of a word that names a thing
_SHORTEST_STEM = 4  # letters that two forms of a word share
_LONGEST_ENDING = 3
_LONGEST_SHORTENED = 3  # letters of a word before a point that ends no sentence
_MOST_WORDS = 40  # of a clause that are compared with the words of the request
_MOST_COMPARED = 2_000  # words of a request that are looked through for every form of a word
_PARTING = frozenset("–:")  # as tokens have them


def other_topic(found: Text, view: View, about: About) -> Sentence:
    """What stands before an answer in its sentence and is another thing; NOTHING if nothing is, or if nothing is known
    of the request."""
    values = [replace(one, label="") for one in about.fields]  # labels name nothing: "site", "date"
    shown = Shown(replace(about, fields=values), found.known, view.code)
    if not shown.texts:
        return NOTHING
    for before, sentence in pairwise([[], *filter(None, view.sentences)]):
        at = next((at for at, clause in enumerate(sentence) if clause.taken is Taken.DECIDES), None)
        if at is None:
            continue
        other = _number(before[-1], found, shown) if before and _goes_on(before, sentence, found) else ""
        for clause, behind in pairwise(sentence[: at + 1]):
            if clause.taken is Taken.UNKNOWN and not other:
                # Before a dash stands what is decided on: "version 2 – refused".
                other = _number(clause, found, shown) if behind.pause in _PARTING else ""
                other = other or _thing(clause, sentence, found, view, shown)
        if other:
            in_one_line = " ".join(other.split())
            return Sentence(OTHER, text=in_one_line[:_SHOWN])
    return NOTHING


def _goes_on(before: Sequence[Spoken], sentence: Sequence[Spoken], found: Text) -> bool:
    """Whether a sentence goes on behind a point that ends a shortened word: "7.500 kr. er bevilget"."""
    last, first = before[-1].pieces[-1].end - 1, sentence[0].pieces[0].start
    short = len(found.tokens[last].text) <= _LONGEST_SHORTENED
    small = found.written(first, first + 1)[0].islower()
    apart = found.text[found.tokens[last].end : found.tokens[first].start].strip(" \u00a0")
    return short and small and apart == "."


def _number(clause: Spoken, found: Text, shown: Shown) -> str:
    numbers = (found.words[at] for at in _unknown(clause) if found.words[at][:1].isdigit())
    return next((number for number in numbers if not shown.has_number(number, 1)), "")


def _thing(clause: Spoken, sentence: Sequence[Spoken], found: Text, view: View, shown: Shown) -> str:
    start, end = clause.pieces[0].start, clause.pieces[-1].end
    text = found.written(start, end)
    # The point of "contoso.example" ends a sentence.
    begins = found.tokens[start].start
    attached = _BLANKS.split(found.text[max(begins - _SHOWN, 0) : begins])[-1]
    for one in _IDENTIFIER.finditer(attached + text):
        if _SIGNS.sub("", one[0].casefold()) not in shown.joined:
            return one[0]
    names = shown.about.name_words
    words = {at: found.tokens[at].text for at in range(start, end) if found.tokens[at].kind is Kind.WORD}
    unknown = [at for at in _unknown(clause) if any(map(str.isalpha, words[at])) and words[at] not in names]
    of_request = {at for at in unknown[:_MOST_WORDS] if _resembles(words[at], shown)}
    others = [at for at in unknown[:_MOST_WORDS] if at not in of_request]
    names_are_capital = "nouns" not in found.known.capitals[view.code]
    first = sentence[0].pieces[0].start
    for at in others if names_are_capital else ():
        if at > first and found.written(at, at + 1)[0].isupper():
            return found.written(at, at + 1)
    if of_request and (
        day := other_date(found.text, found.tokens[start].start, found.tokens[end - 1].end, shown, [])
    ):
        return day  # "the tasting of 3 March"
    if not any(piece.meaning and piece.meaning.outcome for piece in clause.pieces) and not any(
        found.speaks_of(at, view.code) for at in words
    ):
        return ""
    long = any(len(words[at]) >= _SHORTEST or is_ideograph(words[at]) for at in others)
    other = _number(clause, found, shown) or other_place(clause, found, shown)
    return other or (text if long and not of_request else "")


def _resembles(word: str, shown: Shown) -> bool:
    """Whether a word may be one of the request's in whatever form."""
    least = max(_SHORTEST_STEM, len(word) - _LONGEST_ENDING)
    if bare(word)[:least] in shown.beginnings:
        return True
    return len(shown.words) <= _MOST_COMPARED and shown.has_word(word)


def _unknown(clause: Spoken) -> Iterator[int]:
    for piece in clause.unknown:
        yield from range(piece.start, piece.end)
