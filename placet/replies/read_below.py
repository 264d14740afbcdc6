"""What stands in the comment of an answer, and below it, and may speak against it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from placet.lib.sentences import NOTHING, Sentence, gettext_noop
from placet.replies import read_frame
from placet.replies.read_alone import Other
from placet.replies.read_clauses import LONGEST_READ, Spoken, Taken, Text, shortened
from placet.replies.read_comment import Part, Place, comment_of, is_drawn
from placet.replies.read_contacts import without_contacts
from placet.replies.read_facts import About, other_value
from placet.replies.read_phrases import Role
from placet.replies.read_result import Reading
from placet.replies.read_tokens import Kind, misleading, tokens
from placet.replies.read_view import languages_of, view_of
from placet.replies.read_vocabulary import APPROVE, REJECT, Vocabulary, begins_with

TOO_LONG = Sentence("The text is too long to be understood as a whole.")
LIMIT = gettext_noop("“{text}” may be a condition, or be about something else.")


def against_comment(found: Text, reading: Reading, about: About) -> Sentence:
    """What no clause says and the rest may: below the answer another one, a doubt, or what takes it back; or another
    value than the request's. Whatever else somebody would have liked, a rejection is one."""
    other = Other(reading.outcome or "", reading.language, found.known, about.name_words)
    above = [place for place in reading.parts if place.start < found.frame.end]
    comment = comment_of(found.text, above)
    line = other.line_of(comment) or _foreign_doubt(comment, reading, found.known)
    if reading.outcome == APPROVE:
        line = line or other.turn_in(comment)
    if line:
        return Sentence(LIMIT, text=line[:80])
    below = [place for place in reading.parts if place.start >= found.frame.end]
    looked_at = 0
    small = False  # small print speaks of everything, and whatever stands below it is mostly more of it
    for place in _paragraphs(found.text, below):
        written = found.text[place.start : place.end]
        text = without_contacts(written)
        words = [token.text for token in tokens(text) if token.kind is Kind.WORD]
        saying = read_frame.is_saying(text)
        long = found.frame.by is read_frame.Ends.DELIMITER and len(words) >= _LONG
        legal = place.part is Part.SMALL_PRINT or read_frame.begins_as_small_print(text, found.known)
        small = small or (legal and not saying) or long
        looked_at += len(words)
        if looked_at > LONGEST_READ:
            return TOO_LONG
        own = place.part is Part.COMMENT and not saying
        if own and (
            _denies(text, reading, found.known) if small else other.is_in(text) or other.turn_in(text)
        ):
            return _more_below(written)
        if said := next((line for line in written.split("\n") if _says_by_signs(line)), ""):
            return _more_below(said)
        numbers = written.split("\n") if reading.outcome == APPROVE and not small else ()
        if limit := next((line for line in numbers if _NUMBER_ALONE.fullmatch(line)), ""):
            return _more_below(limit)
        if problem := misleading(written):
            return Sentence("The text holds {what}.", what=problem)
        name = _NAME_ABOVE.search(found.text, max(place.start - _LONGEST_TITLE, 0), place.start) is not None
        if more := _doubt_below(text, reading, found.known, small=small, below_name=name):
            return more
    return NOTHING if reading.outcome == REJECT else other_value(found.text, about, reading.language)


def _denies(text: str, reading: Reading, known: Vocabulary) -> bool:
    """Whether a sentence between small print has words of an answer beside a "not"."""
    if reading.outcome != APPROVE:
        return False
    for start, end in read_frame.sentences_of(text):
        words = [token.text for token in tokens(text[start:end]) if token.kind is Kind.WORD]
        meanings = [match.meaning for at in range(len(words)) for match in known.phrases.matches(words, at)]
        roles = {one.role for one in meanings if one.language == reading.language}
        if roles >= {Role.DECIDES, Role.NEGATION} and not read_frame.is_legal(text[start:end], known):
            return True
    return False


def _foreign_doubt(comment: str, reading: Reading, known: Vocabulary) -> str:
    """The first line of an approval's comment that another language understands as a doubt, and better than the
    answer's does."""
    for line in comment.split("\n") if reading.outcome == APPROVE else ():
        found = Text.of(line, known, framed=False)
        own = view_of(found, reading.language).explained
        views = (view_of(found, code) for code in languages_of(found))
        for view in views:
            for clause in view.clauses() if view.explained > own else ():
                if clause.taken in (Taken.DOUBT, Taken.RETRACTION) and _is_understood(clause):
                    return line.strip()
    return ""


def _says_by_signs(line: str) -> bool:
    """Whether a line of signs alone says something: "✗", "??"."""
    return bool(line.strip()) and not any(map(str.isalnum, line)) and not is_drawn(line)


# "2 pieces", "500 EUR", "€ 900", "50 %"; but "5 Main Street" is an address.
_NUMBER_ALONE = re.compile(
    r"\W*(?:[A-Z]{3}\s?)?[0-9][0-9.,]{0,12}\s?(?:[A-Z]{3}|[^\W\d_A-Z][^\W\d_]{0,20})?\W*"
)
_NAME_ABOVE = re.compile(r"(?:\A|\n)[ \t]*(?:[^\W\d_a-z][\w.'’-]{0,20}[ \t]*){1,4}\n\Z")
_LONG = 20  # words of a paragraph below two dashes that is small print in whatever words


def _more_below(text: str) -> Sentence:
    return Sentence("Below the closing stands more: “{text}”.", text=" ".join(text.split())[:80])


def _paragraphs(text: str, places: Iterable[Place]) -> Iterator[Place]:
    """What is no signature: lines of one kind without a blank one between."""
    last: Place | None = None
    for place in places:
        if last and place.part is last.part and text[last.end : place.start].count("\n") < _BLANK_LINE:
            last = replace(last, end=place.end)
            continue
        if last and last.part in _READ_BELOW:
            yield last
        last = place
    if last and last.part in _READ_BELOW:
        yield last


_READ_BELOW = (Part.COMMENT, Part.SMALL_PRINT)
_BLANK_LINE = 2  # line ends


def _doubt_below(
    text: str, reading: Reading, known: Vocabulary, *, small: bool, below_name: bool
) -> Sentence:
    """What in a text below the answer speaks against it. In small print only short sentences count of which everything
    is understood; a few words in the line below a name are a title: "financial director"."""
    found = Text.of(text, known, framed=False)
    if small and len(found.sentences) > 1:  # each may be in another language
        for one in found.sentences:
            if one.spans:
                alone = found.written(one.spans[0].start, one.spans[-1].end)
                if more := _doubt_below(alone, reading, known, small=True, below_name=below_name):
                    return more
        return NOTHING
    saying = read_frame.is_saying(text)
    for code in dict.fromkeys((reading.language, *languages_of(found))):
        sentences = [sentence for sentence in view_of(found, code).sentences if sentence]
        first = sentences[0] if sentences else None
        for sentence in sentences:
            if small and not _is_own_sentence(sentence, found, known):
                continue
            for clause in sentence:
                own = code == reading.language
                if not (own or _is_mostly_understood(clause, found, half=small)) or (clause.weak and not own):
                    continue
                first_line = below_name and sentence == [clause] and sentence is first
                titled = _is_title(clause, found, own=own, below_name=first_line)
                only_answers = saying or titled
                if _speaks_against(
                    clause, found, reading.outcome or "", only_answers=only_answers, small=small
                ):
                    return _more_below(shortened(found, clause))
    return NOTHING


def _is_own_sentence(sentence: Sequence[Spoken], found: Text, known: Vocabulary) -> bool:
    """Whether nobody else would write it: short, and understood but for names and numbers."""
    start, end = sentence[0].pieces[0].start, sentence[-1].pieces[-1].end
    phrases = sum(len(clause.pieces) for clause in sentence)
    named = all(
        found.words[piece.start][:1].isdigit() or (at and found.written(piece.start, piece.end)[:1].isupper())
        for clause in sentence
        for at, piece in enumerate(clause.pieces)
        if piece.meaning is None
    )
    return named and phrases <= _LONGEST_OWN and not begins_with(found.words[start:end], known.lines.legal)


_LONGEST_OWN = 10  # phrases of a sentence of somebody's own between small print


def _is_mostly_understood(clause: Spoken, found: Text, *, half: bool) -> bool:
    """Numbers are of no language."""
    numbers = sum(found.words[piece.start][:1].isdigit() for piece in clause.unknown)
    words = clause.pieces[-1].end - clause.pieces[0].start - numbers
    understood = 2 * sum(piece.end - piece.start for piece in clause.pieces if piece.meaning)
    return understood > words or (half and understood == words)


def _is_title(clause: Spoken, found: Text, *, own: bool, below_name: bool) -> bool:
    """Whether a clause may say who somebody is: "Head of Legal", "financial director". What begins with a doubt in
    small letters, "not yet", does not; nor does what the answer's language (`own`) knows for a doubt, "Except the
    dock", "Laptop only", but for words of titles: "Interim Manager"; nor what another one understands."""
    begins = clause.pieces[0]
    small_letters = found.written(begins.start, begins.end)[:1].islower()
    capitals = _is_titled(clause, found)
    looked_at = [begins] if capitals else clause.pieces
    doubts = [piece for piece in looked_at if piece.role is not None and piece.role >= Role.DOUBT]
    of_titles = found.known.lines.title_words
    if any(own and tuple(found.words[one.start : one.end]) not in of_titles for one in doubts):
        return False
    if begins.role is Role.NEGATION or (begins in doubts and small_letters):
        return False
    if _is_understood(clause) and not own:
        return False
    return capitals or (below_name and _may_be_title(clause, found))


def _is_understood(clause: Spoken) -> bool:
    """Whether every word of several is known in one language: "If Legal Agrees" is no title."""
    several = clause.pieces[-1].end - clause.pieces[0].start > 1
    return several and all(piece.meaning for piece in clause.pieces)


def _may_be_title(clause: Spoken, found: Text) -> bool:
    """Few words without a number, or half of them with capitals."""
    written = [found.written(piece.start, piece.end) for piece in clause.pieces]
    words = [word for phrase in written for word in phrase.split()]
    capitals = sum(word[:1].isupper() for word in words)
    return (len(words) < _SAYS_SOMETHING or 2 * capitals >= len(words)) and not any(
        map(str.isdigit, "".join(words))
    )


_SAYS_SOMETHING = 4  # words


def _is_titled(clause: Spoken, found: Text) -> bool:
    """Whether its line may be a name or a title: "Max Miller" and "Head of Legal" are no conditions."""
    begin = found.text.rfind("\n", 0, found.tokens[clause.pieces[0].start].start) + 1
    line = found.text[begin : begin + _LONGEST_TITLE].partition("\n")[0]
    if len(line) == _LONGEST_TITLE or _SENTENCE.search(line):
        return False
    small = found.known.lines.title_words
    words = [line[token.start : token.end] for token in tokens(line) if token.kind is Kind.WORD]
    named = (word[:1].isupper() or (word.casefold(),) in small for word in words)
    return words[0][:1].isupper() and all(named)


_LONGEST_TITLE = 100  # characters
_SENTENCE = re.compile(r"[0-9:：.!?]")


def _speaks_against(clause: Spoken, found: Text, outcome: str, *, only_answers: bool, small: bool) -> bool:
    if clause.taken is Taken.DECIDES:
        return clause.outcome != outcome
    if clause.taken is Taken.RETRACTION:
        return True
    if outcome == REJECT or only_answers:
        return False
    if small:
        answers = (match.meaning.outcome for piece in clause.pieces for match in found.matches[piece.start])
        return clause.taken is Taken.DOUBT or (clause.taken is Taken.QUESTION and any(answers))
    negated = clause.taken is Taken.UNKNOWN and any(p.role is Role.NEGATION for p in clause.pieces)
    return negated or clause.taken in (Taken.DOUBT, Taken.NEGATED, Taken.QUESTION)
