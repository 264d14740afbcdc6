"""New text to an answer: an outcome and a comment, or unclear. The rule:

1.  A text that is there to mislead the eye decides nothing (`read_tokens.misleading`).
2.  Answers to questions are taken out (`read_questions`), a form is taken apart (`read_form`), the rest is split into
    sentences and clauses. Greetings, what stands below closings, and small print are no part of it (`read_frame`).
3.  A clause decides only if every word of it is explained by phrases of one language, or names the request beside a
    strong answer (`read_named`), and one of them says an outcome. One negation turns an approval into a rejection; any
    other negation decides nothing. What "they" or "the supplier" decided is not the sender's answer, nor is one in
    quotation marks inside a sentence, nor what stands behind "that" and is not announced as the sender's own
    (`read_view.take_contents`); "cannot approve today" is none yet, "can approve" is none.
4.  A doubt anywhere (a condition, a limit, "later", "maybe", somebody else) makes the whole unclear; so do a
    question, two outcomes, and a word for the other outcome in a clause that is not understood. In sentences
    behind a rejection, doubts and questions change nothing unless they take it back, nor do doubts in the reasons
    before one (`read_roles`).
5.  What is not understood may stand beside a strong answer ("approved", "I reject this"): before it, behind a
    rejection, and below an approval that has the first line for itself. Beside a weak one ("yes", "ok", "no") all
    must be understood, and a remark may not contradict it ("yes, too expensive").
6.  All languages are tried, none is guessed. Where two understand the text in different ways, or one that knows
    more of its words finds no answer, it is unclear.
7.  A step's own answers count where they are the whole first sentence (`read_own`).
8.  Nothing is lost: every sentence with a word that is neither the answer nor polite is comment (`read_comment`).
    One that names another value than the request's makes an approval unclear (`read_facts`), and so does one behind it
    that neither thanks nor wishes nor judges (`read_beside`). So is whatever answer names another thing than the
    request (`read_matter`, `read_topic`), a part of it (`read_parts`), or what leaves open what it says of it
    (`read_asked`).

A wrong decision is worse than a hundred answers that have to be given again. The words stand in `languages/`.
"""

import re
from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass, replace

from placet.lib.sentences import NOTHING, Sentence, gettext_noop, quoted
from placet.replies import read_form, read_frame, read_own, read_questions
from placet.replies.parse import Mail
from placet.replies.parse.subjects import is_reply
from placet.replies.read_asked import leaves_open
from placet.replies.read_below import LIMIT, TOO_LONG, against_comment
from placet.replies.read_beside import is_about_later, sentence_beside
from placet.replies.read_clauses import OF_REQUEST, Clause, Piece, Spoken, Taken, Text, is_too_long, shortened
from placet.replies.read_comment import comment_of, parts_of
from placet.replies.read_facts import UNKNOWN, About, other_value, same_values
from placet.replies.read_likely import likely
from placet.replies.read_matter import other_matter
from placet.replies.read_named import RequestWords, names_in
from placet.replies.read_own import Own
from placet.replies.read_parts import part_alone
from placet.replies.read_phrases import Role
from placet.replies.read_questions import Questions
from placet.replies.read_result import MORE_THAN_ONE, Answer, Reading
from placet.replies.read_roles import is_last_word, is_reason
from placet.replies.read_tokens import Kind, composed, misleading
from placet.replies.read_topic import other_topic
from placet.replies.read_unreadable import unreadable
from placet.replies.read_view import View, is_thanks, languages_of, view_of
from placet.replies.read_vocabulary import APPROVE, REJECT, Vocabulary, label_before, vocabulary
from placet.replies.refusals import Unclear

READ_TEXT = 2_000  # characters of the text that an Unclear carries


# --- what comes of it -----------------------------------------------------------------------------------------


def read(
    mail: Mail,
    outcomes: Collection[str],
    known: Vocabulary | None = None,
    about: About = UNKNOWN,
    own: Own | None = None,
    questions: Questions | None = None,
) -> Answer:
    """The answer of a proved reply to an ask that offers `outcomes`, some of them in words of its `own`, and asks these
    `questions`, of a request of which `about` is known. Raises Unclear with what was read."""
    return answer_of(mail, read_mail(mail, outcomes, known, about, own, questions))


def answer_of(mail: Mail, reading: Reading, *, completes: bool = False) -> Answer:
    """What a mail answers, by how it was read, and whether that is what an earlier answer lacked. Raises Unclear."""
    answers = {given.question.name: given.value for given in reading.given}
    if reading.outcome is None:
        guess = replace(reading.likely, answers=answers) if reading.likely else None
        raise Unclear(mail.new_text[:READ_TEXT], reading.why, reading.language, guess)
    return Answer(reading.outcome, reading.comment, reading.rests_on, reading.language, answers, completes)


def read_mail(
    mail: Mail,
    outcomes: Collection[str] = (APPROVE, REJECT),
    known: Vocabulary | None = None,
    about: About = UNKNOWN,
    own: Own | None = None,
    questions: Questions | None = None,
) -> Reading:
    """What a mail was read as. Its text alone counts, or its subject where there is no text: not for an answer of the
    step's own, whose words may stand in a title."""
    problem = unreadable(mail) or said_in_quote(mail.quoted_else, known or vocabulary())
    if not problem and own and own.outcomes_in(mail.quoted_else):
        problem = Sentence("An answer is quoted, and may be your own; please answer above the quoted mail.")
    if (
        not problem
        and questions
        and read_questions.answers_in(mail.quoted_else, questions, known or vocabulary())
    ):
        problem = read_questions.QUOTED
    problem = problem or other_value(mail.quoted_else, about, "")
    if problem:
        return Reading(None, "", problem)
    if mail.new_text.strip():
        return read_text(with_signature(mail.new_text, mail), outcomes, known, about, own, questions)
    found = read_text(with_signature(mail.own_subject, mail), outcomes, known, about)
    return found if _is_subject_only(found, mail) else Reading(None, "", _NO_TEXT)


def with_signature(text: str, mail: Mail) -> str:
    """A text with what was set apart below it: more than a signature may stand there."""
    return f"{text}\n\n{mail.set_apart}" if text.strip() and mail.set_apart.strip() else text


_NO_TEXT = Sentence("There is no text above the quoted mail.")


def _is_subject_only(found: Reading, mail: Mail) -> bool:
    """Whether a subject is an answer and nothing else. In that of a reply only the bare words count: the rest of it may
    be the subject of a mail that is not known here."""
    if found.outcome is None or found.comment or any(c.taken is Taken.UNKNOWN for c in found.clauses):
        return False
    return not is_reply(mail.subject) or _letters("".join(found.rests_on)) == _letters(mail.own_subject)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def said_in_quote(text: str, known: Vocabulary) -> Sentence:
    """Whether quoted lines that nobody else is known to have written hold a decision, a condition, a contrast or a
    restriction: then they may be the sender's own."""
    if not text:
        return NOTHING
    text = read_frame.without_codes(composed(text))
    if is_too_long(text) or (found := Text.of(text, known)).too_long:
        return Sentence("The quoted text is too long to be looked at as a whole.")
    if number := _NUMBER_ALONE.search(text):
        return Sentence(_MAY_BE_OWN, text=number[1])
    for code in languages_of(found):
        for clause in view_of(found, code).clauses():
            if clause.taken in _SAYS or any(piece.role in _TURNS for piece in clause.pieces):
                return Sentence(_MAY_BE_OWN, text=shortened(found, clause))
    return NOTHING


_MAY_BE_OWN = gettext_noop("“{text}” is quoted, but may be your own; please answer above the quoted mail.")
#: A line of a number and few words: "500", "2 pieces". A date and a time have more signs.
_NUMBER_ALONE = re.compile(
    r"^[ \t>|]*(\d{1,9}(?:[.,]\d{1,3}){0,3}(?:[ \u00a0][^\W\d_]{1,20}){0,2})[ \t.!]*$",
    re.MULTILINE,
)
_SAYS = (Taken.DECIDES, Taken.DOUBT, Taken.RETRACTION, Taken.NEGATED)
_TURNS = (Role.DECIDES, Role.NEGATION, Role.BUT, Role.DOUBT, Role.RETRACTION)


def read_text(
    text: str,
    outcomes: Collection[str] = (APPROVE, REJECT),
    known: Vocabulary | None = None,
    about: About = UNKNOWN,
    own: Own | None = None,
    questions: Questions | None = None,
) -> Reading:
    """What a text was read as that was written as an answer, without quotes. `outcomes` are those that may be
    answered, some in words of a step's `own`. Never raises; linear in the text, and in the fields of the request."""
    known = known or vocabulary()
    text = composed(text)
    if not text.strip():
        return Reading(None, "", _NO_TEXT)
    text, below = read_frame.at_dashes(read_frame.without_codes(text))
    problem = misleading(text)
    if problem:
        return Reading(None, "", Sentence("The text holds {what}.", what=problem))
    if questions is None:
        return _read_answer(text, below, outcomes, known, about, own)
    extract = read_questions.extract(
        text, below, questions, known, lambda alone: _read_answer(alone, "", outcomes, known, about, own)
    )
    if extract.problem:
        return Reading(None, "", extract.problem, given=extract.given)
    return replace(_read_answer(extract.text, below, outcomes, known, about, own), given=extract.given)


def _read_answer(
    text: str, below: str, outcomes: Collection[str], known: Vocabulary, about: About, own: Own | None
) -> Reading:
    """The outcome and the comment of a text in which no question is answered any more."""
    if is_too_long(text + below):
        return Reading(None, "", TOO_LONG)
    form = read_form.take_apart(text, known, own)
    if form is not None and form.problem:
        return Reading(None, "", form.problem)
    whole, end = (form.text + below, form.end) if form else (text + below, None)
    stands = read_own.standing(whole, end, own, known) if own else None
    text = stands.text if stands else whole
    words = RequestWords(about, known)
    found = Text.of(text, known, end, names=names_in(text, about, known), request=words)
    reading = _read(found, known, about)
    if own:
        reading = read_own.in_own_words(reading, whole, stands, own, known)
    if reading.likely and (reading.likely.outcome not in outcomes or (own and own.outcomes_in(whole))):
        reading = replace(reading, likely=None)
    if reading.outcome is not None and reading.outcome not in outcomes:
        not_offered = Sentence("This approval does not offer the answer that was read.")
        return Reading(None, "", not_offered, (), reading.language, reading.clauses)
    return reading


# --- what one language makes of it ----------------------------------------------------------------------------


def _read(found: Text, known: Vocabulary, about: About) -> Reading:
    """All languages that know something that decides, and what they agree on."""
    if found.too_long:
        return Reading(None, "", TOO_LONG)
    views = [_judged(found, code, known, about) for code in languages_of(found)]
    if not views:
        nothing = Sentence("None of the words that are known for an answer was found.")
        return Reading(None, "", nothing, likely=likely(found, views, about, lambda _view: NOTHING))
    decided = [view for view in views if view.outcome]
    if not decided:
        best = max(views, key=lambda view: view.explained)
        guess = likely(
            found,
            views,
            about,
            lambda view: _against(found, _decided(found, view, about), view, views, about),
        )
        return replace(_unclear(found, best, best.problem, views), likely=guess)
    best = max(decided, key=lambda view: (view.whole, view.explained))
    if problem := found.frame.said_below:
        more = Sentence("Below the closing stands more: “{text}”.", text=problem[:80])
        return _unclear(found, best, more, views)
    reading = _decided(found, best, about)
    if against := _against(found, reading, best, views, about):
        return _unclear(found, best, against, views)
    return reading


def _against(found: Text, reading: Reading, best: View, views: Iterable[View], about: About) -> Sentence:
    """What speaks against the answer that one language finds: another language, or what is its comment."""
    return (
        _conflict(found, best, views, about)
        or _foreign_limit(found, best, about)
        or against_comment(found, reading, about)
        or other_matter(found, best, about)
        or other_topic(found, best, about)
        or part_alone(found, best, about)
        or leaves_open(found, best, about)
        or (NOTHING if _is_alone_above(best, found) else sentence_beside(found, best, about))
    )


def _judged(found: Text, code: str, known: Vocabulary, about: About) -> View:
    view = view_of(found, code)
    _judge(view, found, known, about)
    return view


# --- from clauses to an answer --------------------------------------------------------------------------------


def _judge(view: View, found: Text, known: Vocabulary, about: About) -> None:
    """The answer of the whole text in this language, or what stands in its way."""
    deciding = [clause for clause in view.clauses() if clause.taken is Taken.DECIDES]
    outcomes = {clause.outcome for clause in deciding}
    if not deciding:
        view.problem = _why_nothing(view, found)
    elif len(outcomes) > 1:
        view.problem = MORE_THAN_ONE
    else:
        outcome = outcomes.pop()
        view.problem = _only_seen(view, found, known)
        weak = all(clause.weak for clause in deciding) and not (outcome == REJECT and _stands_alone(view))
        view.problem = view.problem or _obstacle(view, found, known, about, outcome, weak=weak)
        view.outcome = "" if view.problem else outcome


def _only_seen(view: View, found: Text, known: Vocabulary) -> Sentence:
    """ "Great, thanks" may only say that the mail was seen; "OK, thanks" agrees."""
    for sentence in view.sentences:
        thanks = any(is_thanks(piece, found, view.code) for clause in sentence for piece in clause.pieces)
        decides = [
            p
            for c in sentence
            if c.taken is Taken.DECIDES
            for p in c.pieces
            if p.meaning and p.meaning.outcome
        ]
        said = {tuple(found.words[piece.start : piece.end]) for piece in decides}
        if thanks and said and said <= known.seen and not _agrees(sentence, said):
            return Sentence(
                "“{text}” with thanks may only say that the mail was seen.",
                text=shortened(found, sentence[0]),
            )
    return NOTHING


def _agrees(sentence: Sequence[Spoken], said: Set[tuple[str, ...]]) -> bool:
    """Whether it is "OK", and nothing but thanks to somebody beside it: "ok, seen, thanks" may only say that."""
    pieces = [piece for clause in sentence for piece in clause.pieces]
    names = (piece for piece in pieces if piece.meaning and piece.meaning.language == OF_REQUEST)
    others = {piece.role for piece in pieces} - {Role.DECIDES, Role.DECIDES_WEAKLY, Role.COURTESY}
    return said <= _OKAY and others <= {piece.role for piece in names}


_OKAY = frozenset({("ok",), ("okay",)})


def _stands_alone(view: View) -> bool:
    """Whether the answer is a whole sentence: "No." is one, whatever is said in the next."""
    return any(
        all(c.taken in (Taken.DECIDES, Taken.FRAME) for c in sentence)
        for sentence in view.sentences
        if any(clause.taken is Taken.DECIDES for clause in sentence)
    )


def _why_nothing(view: View, found: Text) -> Sentence:
    for clause in view.clauses():
        if clause.taken in _OPEN:
            return Sentence(_OPEN[clause.taken], text=shortened(found, clause))
    return _NOTHING


_NOTHING = Sentence("It holds no words that are an answer for certain.")
_OPEN = {
    Taken.DOUBT: gettext_noop("“{text}” leaves the answer open."),
    Taken.RETRACTION: gettext_noop("“{text}” may take the answer back."),
    Taken.QUESTION: gettext_noop("“{text}” asks something."),
    Taken.NEGATED: gettext_noop("“{text}” says what is not so, but not what is."),
    Taken.ELSEWHERE: gettext_noop("“{text}” seems to speak of something else."),
}


@dataclass(slots=True)
class _Found:
    """The answer that was found, and where the reading of the text stands."""

    outcome: str
    weak: bool
    sentence_decides: bool = False  # the sentence that is being read
    decided_here: bool = False  # in this sentence, before this clause
    decided_before: bool = False  # in a sentence before
    before_turn: bool = False  # a "but" with a strong answer behind it follows in this sentence
    alone_above: bool = False  # the answer stands alone in the first line, as our mails ask
    last_word: bool = False  # it is a rejection that stands for itself below all that is said


def _obstacle(
    view: View, found: Text, known: Vocabulary, about: About, outcome: str, *, weak: bool
) -> Sentence:
    """Why the answer that was found does not count; NOTHING if nothing speaks against it."""
    state = _Found(
        outcome, weak, alone_above=_is_alone_above(view, found), last_word=is_last_word(view, found)
    )
    values = _harmless_values(found, about, view.code)
    quoted = [one.span() for one in _QUOTED.finditer(found.text[: found.frame.end])]
    for sentence in filter(None, view.sentences):
        state.sentence_decides = any(clause.taken is Taken.DECIDES for clause in sentence)
        if _names_value(sentence, values, found, known, view.code):
            continue
        if not state.sentence_decides and not weak and is_about_later(sentence, found):
            continue
        state.decided_here = False
        turn = _turn(sentence)
        for at, clause in enumerate(sentence):
            state.before_turn = at < turn
            if clause.taken is Taken.DECIDES:
                state.decided_here = True
            elif clause.taken is Taken.DOUBT and state.last_word and not state.decided_before:
                others = _spoken_in(clause, found, known, view.code) - {outcome}
                if others or state.sentence_decides or not is_reason(sentence, found, view.code):
                    return Sentence(_OPEN[clause.taken], text=shortened(found, clause))
            elif _is_against(clause, state, found, known, view.code):
                return Sentence(_OPEN.get(clause.taken, LIMIT), text=shortened(found, clause))
        if state.sentence_decides and (_is_reported(sentence) or _is_in_quotes(sentence, found, quoted)):
            return Sentence(
                "“{text}” may be about somebody else's answer.", text=shortened(found, sentence[0])
            )
        state.decided_before = state.decided_before or state.decided_here
    return NOTHING


def _harmless_values(found: Text, about: About, code: str) -> frozenset[int]:
    """The words behind a colon that limit nothing: a code behind "cost centre", and the request's own value behind the
    label of its field. Whether it is another value than the request's is looked at with the whole text."""
    values: set[int] = set()
    for at, token in enumerate(found.tokens):
        if token.text in _COLONS and label_before(found.words, at, found.known.lines.coded):
            end = at + 1
            while end < len(found.tokens) and found.tokens[end].kind is Kind.WORD:
                if end > at + 1 and not _CODE_SIGN.fullmatch(found.written(end - 1, end + 1)):
                    break
                end += 1
            around = found.text[token.end : found.tokens[end - 1].end + 2] if end > at + 1 else ""
            if not _MONEY.search(around):
                values.update(range(at + 1, end))
    for begin, until in same_values(found.text, about, code):
        values.update(
            at for at, token in enumerate(found.tokens) if begin <= token.start and token.end <= until
        )
    return frozenset(values)


_MONEY = re.compile(r"[%$\u00a2-\u00a5\u20a0-\u20cf]")
_CODE_SIGN = re.compile(r"[\w./-]+")


def _names_value(
    sentence: Sequence[Spoken], values: frozenset[int], found: Text, known: Vocabulary, code: str
) -> bool:
    """Whether a sentence is a label with a value that limits nothing, and no more. "Limit" and "up to" are none,
    whatever the request calls its fields."""
    label, *behind = sentence
    if not behind or behind[0].pause not in _COLONS:
        return False
    return all(
        clause.taken in (Taken.UNKNOWN, Taken.HARMLESS)
        and not _spoken_in(clause, found, known, code)
        and (clause is label or all(piece.start in values for piece in clause.unknown))
        for clause in sentence
    ) and any(piece.start in values for clause in behind for piece in clause.pieces)


def _turn(sentence: Sequence[Spoken]) -> int:
    """The place of the last clause that follows a "but" and decides strongly; 0 if there is none."""
    turns = [
        at
        for at, clause in enumerate(sentence)
        if clause.after_but and clause.taken is Taken.DECIDES and not clause.weak
    ]
    return turns[-1] if turns else 0


def _is_against(clause: Spoken, state: _Found, found: Text, known: Vocabulary, code: str) -> bool:
    """Whether a clause that does not decide stands in the way of the answer."""
    firm = state.outcome == REJECT and not state.weak
    match clause.taken:
        case Taken.RETRACTION:
            return True
        case Taken.DOUBT | Taken.QUESTION:
            if state.before_turn and not state.decided_here and not state.decided_before:
                return False  # "I would rather wait, but it is approved."
            # "Rejected. Why do we need four of them?" But not "Rejected, unless Jane agrees."
            unfinished = clause.pieces[-1].role is Role.BUT
            apart = firm and state.decided_before and not state.sentence_decides and not unfinished
            return not apart or bool(_spoken_in(clause, found, known, code) - {state.outcome})
        case Taken.NEGATED:
            return state.outcome != REJECT or bool(_outcomes_in(clause))
        case Taken.ELSEWHERE:
            return state.weak or state.decided_here or state.decided_before
        case Taken.REASON:
            other = _spoken_in(clause, found, known, code) - {state.outcome}
            return (state.weak or state.outcome == APPROVE) and bool(other)
        case Taken.HARMLESS:
            against = any(piece.role is Role.AGAINST for piece in clause.pieces)
            return against and state.weak and state.outcome == APPROVE and not state.before_turn
        case Taken.UNKNOWN:
            return state.weak or _unknown_is_against(clause, state, found, known, code)
    return False


def _unknown_is_against(clause: Spoken, state: _Found, found: Text, known: Vocabulary, code: str) -> bool:
    """A clause that is not understood beside a strong answer: it must not speak of another one, and behind an
    approval it may be a limit."""
    spoken = _spoken_in(clause, found, known, code)
    if state.sentence_decides and not state.before_turn:
        spoken |= _outcomes_in(clause)  # "docking station fine, laptop rejected"
    if spoken - {state.outcome}:
        return True
    after = state.decided_here or state.decided_before
    if state.outcome == APPROVE and after:
        # What stands below an answer that has a line for itself is a comment, if no number or "not" limits it.
        return not state.alone_above or state.sentence_decides or _limits(clause, found)
    if state.sentence_decides and not any(piece.meaning for piece in clause.pieces):
        return len(clause.pieces) > _NAMES_ALONE  # it may be another language
    if any(piece.role is Role.NEGATION for piece in clause.pieces):
        apart = clause.after_but and not state.sentence_decides  # "But not the dock", above
        return state.outcome in spoken or (apart and state.outcome == APPROVE)
    return state.decided_here and clause.after_but


def _limits(clause: Spoken, found: Text) -> bool:
    numbers = (found.words[piece.start] for piece in clause.unknown)
    return any(word[:1].isdigit() for word in numbers) or any(
        piece.role is Role.NEGATION for piece in clause.pieces
    )


def _is_alone_above(view: View, found: Text) -> bool:
    """Whether the first line that is no greeting is an answer and nothing else."""
    spoken = (s for s in view.sentences if s and any(clause.taken is not Taken.FRAME for clause in s))
    first = next(spoken, [])
    if not first or any(clause.taken not in (Taken.DECIDES, Taken.FRAME) for clause in first):
        return False
    below = first[-1].pieces[-1].end
    if below < len(found.tokens) and found.tokens[below].kind is Kind.END:
        below += 1
    return below < len(found.tokens) and found.tokens[below].kind is Kind.NEWLINE


_NAMES_ALONE = 2  # words of which none is known, beside an answer


def _spoken_in(clause: Spoken, found: Text, known: Vocabulary, code: str) -> set[str]:
    """The outcomes that a clause speaks of, in strong words or in any form of them."""
    spoken = {p.meaning.outcome for p in clause.pieces if p.meaning and p.role is Role.DECIDES}
    others = (p for p in clause.pieces if p.meaning is None or (p.role is not None and p.role >= Role.DOUBT))
    spoken |= {found.speaks_of(at, code) for piece in others for at in range(piece.start, piece.end)}
    return spoken - {""}


def _outcomes_in(clause: Spoken) -> set[str]:
    return {piece.meaning.outcome for piece in clause.pieces if piece.meaning and piece.meaning.outcome}


def _is_reported(sentence: Sequence[Spoken]) -> bool:
    """ "Legal: approved", "Jane wrote: no", "last time: approved". Another phrase may stand before a colon: "after
    review: approved"."""
    first, *others = sentence
    if not any(clause.pause in _COLONS and clause.taken is Taken.DECIDES for clause in others[:1]):
        return False
    if any(piece.role is Role.ELSEWHERE for piece in first.pieces):
        return True
    label = first.taken is Taken.HARMLESS and len(first.pieces) <= _LABEL and not _has_phrase(first)
    return first.taken in (Taken.UNKNOWN, Taken.FRAME) or label


def _is_in_quotes(sentence: Sequence[Spoken], found: Text, quoted: Sequence[tuple[int, int]]) -> bool:
    """Whether the answer of a sentence stands between quotation marks that do not hold the whole of it: the landlord's
    words, «no cables, refused»."""
    start = found.tokens[sentence[0].pieces[0].start].start
    end = found.tokens[sentence[-1].pieces[-1].end - 1].end
    inside = [span for span in quoted if start < span[0] < end or start < span[1] < end]
    return any(
        opens < found.tokens[piece.start].start < closes
        for clause in sentence
        if inside and clause.taken is Taken.DECIDES
        for piece in clause.pieces
        if piece.meaning and piece.meaning.outcome
        for opens, closes in inside
    )


#: A line's words between quotation marks, of whichever country.
_QUOTED = re.compile(
    '«[^«»\n]{1,400}»|»[^«»\n]{1,400}«|„[^„“”\n]{1,400}[“”]|“[^“”\n]{1,400}”|”[^”\n]{1,400}”|"[^"\n]{1,400}"'
    "|「[^「」\n]{1,400}」|『[^『』\n]{1,400}』|‹[^‹›\n]{1,400}›|《[^《》\n]{1,400}》"
)


def _has_phrase(clause: Spoken) -> bool:
    return any(piece.end - piece.start > 1 or piece.role is not Role.FILLER for piece in clause.pieces)


_COLONS = (":", "：")
_LABEL = 3  # words


def _conflict(found: Text, best: View, views: Iterable[View], about: About) -> Sentence:
    """Whether another language understands the text in another way."""
    for view in views:
        if view is best or view.outcome == best.outcome:
            continue
        if view.outcome and (view.whole or not best.whole):
            return Sentence("Its words mean different answers in different languages.")
        if not view.outcome and view.whole and _is_own(view) and _says_else(view):
            return Sentence("Its words mean something else in another language.")
        if not view.outcome and view.explained > best.explained and view.problem != _NOTHING:
            return view.problem  # it understands more of the text
        if view.problem == MORE_THAN_ONE and view.explained == best.explained:
            return view.problem  # what is a name in one language is an answer in the other
        if problem := _doubt_elsewhere(found, best, view, about):
            return problem
    return NOTHING


def _doubt_elsewhere(found: Text, best: View, view: View, about: About) -> Sentence:
    """A clause that the best language does not understand, and another one does for half or more, without names and
    numbers: as a doubt, or as something that begins with "not". People mix languages. Beside a rejection it has to
    understand more."""
    names, values = about.name_words, _harmless_values(found, about, view.code)
    for mine, theirs in zip(best.sentences, view.sentences, strict=True):
        if _says_value(theirs, values):
            continue
        unknown = {
            at
            for clause in mine
            if clause.taken in (Taken.UNKNOWN, Taken.FRAME)
            for piece in clause.unknown
            for at in range(piece.start, piece.end)
            if found.words[at] not in names
        }
        for clause in theirs:
            said = [piece for piece in clause.pieces if _is_said_against(piece, clause)]
            if any(unknown.issuperset(range(one.start, one.end)) for one in said) and _is_known(
                clause, found, half=best.outcome == APPROVE
            ):
                return Sentence(
                    "“{text}” leaves the answer open in another language.", text=shortened(found, clause)
                )
    return NOTHING


def _foreign_limit(found: Text, best: View, about: About) -> Sentence:
    """A clause beside an approval of which the best language knows no word that says anything, and another one
    understands by itself as a doubt, whatever the rest of the text is for that one."""
    values = _harmless_values(found, about, best.code)
    sentences = best.sentences if best.outcome == APPROVE else ()
    for clause in (one for sentence in sentences if not _says_value(sentence, values) for one in sentence):
        unknown = {found.words[piece.start] for piece in clause.unknown}
        says = any(piece.role not in _SAYS_NOTHING for piece in clause.pieces)
        if clause.taken not in (Taken.UNKNOWN, Taken.FRAME) or says or about.name_words.issuperset(unknown):
            continue
        written = found.written(clause.pieces[0].start, clause.pieces[-1].end)
        alone = Text.of(written, found.known, framed=False)
        others = (other for code in languages_of(alone) for other in view_of(alone, code).clauses())
        for other in others:
            against = any(_is_said_against(piece, other) for piece in other.pieces)
            if against and _is_known(other, alone, half=True):
                return Sentence(
                    "“{text}” leaves the answer open in another language.", text=shortened(found, clause)
                )
    return NOTHING


_SAYS_NOTHING = (None, Role.FILLER, Role.NEGATION)  # by itself, where the rest is not understood


def _says_value(sentence: Sequence[Spoken], values: frozenset[int]) -> bool:
    """Whether behind a colon only values that limit nothing stand, whatever the label is in another language."""
    behind = sentence[1:]
    return any(clause.pause in _COLONS for clause in behind[:1]) and all(
        at in values for clause in behind for piece in clause.pieces for at in range(piece.start, piece.end)
    )


def _is_said_against(piece: Piece, clause: Spoken) -> bool:
    if clause.taken in (Taken.DOUBT, Taken.RETRACTION):
        return piece.role is not None and piece.role >= Role.DOUBT
    return piece.role is Role.NEGATION and piece is clause.pieces[0]


def _is_known(clause: Spoken, found: Text, *, half: bool) -> bool:
    """Whether most words of it are understood; or `half`, where numbers and names count for neither."""
    words = clause.pieces[-1].end - clause.pieces[0].start
    understood = 2 * sum(piece.end - piece.start for piece in clause.pieces if piece.meaning)
    if not half:
        return understood > words
    unknown = [piece.start for piece in clause.unknown]
    first = clause.pieces[0].start
    named = sum(at > first and found.tokens[at].text != found.written(at, at + 1) for at in unknown)
    numbers = sum(found.words[at][:1].isdigit() for at in unknown)
    return understood >= words - named - numbers


def _is_own(view: View) -> bool:
    """Whether it understands every word by its own phrases, not by those that all languages share."""
    spoken = (clause for clause in view.clauses() if clause.taken is not Taken.FRAME)
    return all(
        piece.meaning and piece.meaning.language in (view.code, OF_REQUEST)
        for clause in spoken
        for piece in clause.pieces
    )


def _says_else(view: View) -> bool:
    """Polish "tak" is yes, Danish "tak" is thanks. One word that is "if" in another language says nothing in it."""
    if all(piece.role is Role.COURTESY for clause in view.clauses() for piece in clause.pieces):
        return True
    if all(clause.taken is Taken.HARMLESS for clause in view.clauses()):
        return any(p.role in (Role.REMARK, Role.AGAINST) for clause in view.clauses() for p in clause.pieces)
    spoken = [clause for clause in view.clauses() if clause.taken is not Taken.FRAME]
    words = sum(piece.end - piece.start for clause in spoken for piece in clause.pieces)
    outcomes = {clause.outcome for clause in spoken if clause.outcome}
    return words > 1 and (len(outcomes) > 1 or any(clause.taken in _OPEN for clause in spoken))


# --- what is told ---------------------------------------------------------------------------------------------


def _decided(found: Text, view: View, about: About) -> Reading:
    rests_on = tuple(_deciding_words(found, c) for c in view.clauses() if c.taken is Taken.DECIDES)
    why = Sentence("{words} says {outcome}.", words=quoted(rests_on), outcome=Sentence(view.outcome))
    parts = parts_of(found, view, about.name_words)
    return Reading(
        view.outcome,
        comment_of(found.text, parts),
        why,
        rests_on,
        view.code,
        _shown(found, view),
        found.text,
        parts,
    )


def _unclear(found: Text, view: View, why: Sentence, views: Iterable[View]) -> Reading:
    return Reading(None, "", why, (), _language_of(views), _shown(found, view))


def _language_of(views: Iterable[View]) -> str:
    """The language that knows most of the words, if no other knows as many; "" if that is not sure."""
    known = sorted(((view.known_by_itself, view.code) for view in views), reverse=True)
    sure = known and known[0][0] and (len(known) == 1 or known[0][0] > known[1][0])
    return known[0][1] if sure else ""


def _deciding_words(found: Text, clause: Spoken) -> str:
    counting = [
        piece
        for piece in clause.pieces
        if piece.meaning and (piece.meaning.outcome or piece.role in (Role.NEGATION, Role.NEGATION_HELPER))
    ]
    return found.written(counting[0].start, counting[-1].end)


def _shown(found: Text, view: View) -> tuple[Clause, ...]:
    shown = [
        Clause(
            found.written(clause.pieces[0].start, clause.pieces[-1].end),
            clause.taken,
            clause.outcome,
            (_deciding_words(found, clause),) if clause.taken is Taken.DECIDES else (),
        )
        for clause in view.clauses()
    ]
    below = found.text[found.frame.end :].strip()
    return (*shown, Clause(below, Taken.FRAME)) if below else tuple(shown)
