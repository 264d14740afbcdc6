"""Every way to say no to a mail.

Refusal                     a mail is not applied; `key` is stable, `sentence` is for people
    Automatic               written by a program: never answered
        AutomaticReply      out of office and other answers of a mailbox
        Bounce              our mail could not be delivered
        ReadReceipt         says that our mail was opened or delivered
        MeetingAnswer       belongs to a calendar
        JournalReport       a copy that a server keeps
        OtherReport         abuse reports and reports of other kinds
        OurOwn              sent by this mailbox
    Stranger                nobody is told: either no valid reply code, or the sender is not proved
        NoCode              carries no reply code
        UnknownCode         carries a reply code that belongs to no ask
        CodesDisagree       carries reply codes of different asks
        WrongMailbox        came into another mailbox than the one that its ask went out from
        TwoReadings         could be read in two ways by two programs
        SenderUnclear       does not name exactly one sender
        NotTheOneAsked      comes from somebody else than the person asked
        Unproved            who sent it is not proved
            NotProved       nothing proves that the sender sent it
            StampsPlanted   carries stamps in our server's name that somebody else wrote
        TooOld              was written before we asked, or by a clock that is wrong
        MechanismNotConfirmed   proved in a way that the administrator has not confirmed
        StarterUnknown      is to start a request, and comes from nobody who is known
        Unparseable         cannot be read within the limits
    Told                    the sender is proved and gets a mail that says why and what to do
        PageOnly            this process takes decisions on the page only
        Sealed              is encrypted or protected, so that its text cannot be read
        NotNamed            names an ask of ours by its reply code, but does not answer our mail
        Unclear             the answer cannot be understood without a guess
        Incomplete          something is missing that the sender is asked for
            CommentNeeded   the answer is clear, and has to say why
            ConfirmationNeeded  the answer is not clear, but likely: a yes confirms it
        DigestUnclear       answers several questions of one mail, and not all of it is understood
        AnswersNotTaken     the answer is clear, but not what it answers to the questions of the step
        AlreadyDecided      somebody decided before
        MayNotDecide        of the person's own request, or where somebody else has to be the second one
        NoLongerOpen        withdrawn, replaced or of an older round
        Changed             what the ask showed is no longer true
        NotAskedBack        a question to the requester that cannot be asked now
        NotClarified        an answer of the requester to what they were asked, which does not count
        TooLarge            larger than the mailbox takes
        HelpAsked           answers nothing, and asks how to answer
        StatusAsked         answers nothing, and asks where the request stands
        NotUndone           asks to take back an answer, which stands
        NotGiven            gives the question to somebody who cannot be told apart, or cannot answer it
        StartNotTaken       is to start a request, and cannot
        StartLacks          is to start a request, and lacks something
        StartTwice          came before: it started a request then

`told` refusals may be raised only after `prove` returned a Proof (DESIGN 3.6: strangers learn nothing).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext

from placet.lib.sentences import NOTHING, Sentence

if TYPE_CHECKING:  # a mail is refused before anything of it is read, too
    from placet.replies.read_digest import Entry
    from placet.replies.read_likely import Likely


class Refusal(Exception):
    """This mail was not applied."""

    key: ClassVar[str] = "refused"
    told: ClassVar[bool] = False  # the sender, who is proved, gets a mail about it
    shown: ClassVar[bool] = False  # the administrator sees it in the mail log as something to look at
    notify_asked: ClassVar[bool] = False  # the person asked hears of it, once per ask

    @property
    def sentence(self) -> str:
        """One plain sentence for the mail log and, where `told`, for the sender, in the language that is active."""
        return gettext((type(self).__doc__ or "").partition("\n")[0])

    @property
    def facts(self) -> Mapping[str, Any]:
        """What else is known, ready for JSON: kept with the mail and with the audit entry."""
        return {
            name: str(value) if isinstance(value, Sentence) else value
            for name, value in vars(self).items()
            if not name.startswith("_")
        }

    def __str__(self) -> str:
        return self.sentence


# ---------------------------------------------------------------------- written by a program


class Automatic(Refusal):
    """A program wrote this mail."""

    key = "automatic"

    def __init__(self, why: Sentence = NOTHING) -> None:
        super().__init__(why)
        self.why = why


class AutomaticReply(Automatic):
    """This is an automatic reply, such as an out-of-office notice."""

    key = "automatic_reply"


class Bounce(Automatic):
    """This mail says that a mail of ours could not be delivered."""

    key = "bounce"
    shown = True


class ReadReceipt(Automatic):
    """This mail says that a mail of ours was delivered or opened."""

    key = "read_receipt"


class MeetingAnswer(Automatic):
    """This mail belongs to a calendar; it answers a meeting and not an approval."""

    key = "meeting"


class JournalReport(Automatic):
    """This is a server's journal copy of another mail."""

    key = "journal"


class OtherReport(Automatic):
    """This is a report made by a mail system."""

    key = "report"
    shown = True


class OurOwn(Automatic):
    """This mail was sent by Placet itself."""

    key = "our_own"


# ---------------------------------------------------------------------- nobody is told


class Stranger(Refusal):
    """Without a valid reply code and a proved sender nobody is told anything."""

    key = "stranger"


class NoCode(Stranger):
    """This mail carries no reply code, so it answers nothing that we asked."""

    key = "no_code"


class UnknownCode(Stranger):
    """This mail carries a reply code that belongs to no ask."""

    key = "unknown_code"
    shown = True


class CodesDisagree(Stranger):
    """This mail carries reply codes of different asks, so it is not clear which one it answers."""

    key = "codes_disagree"
    shown = True

    def __init__(self, places: tuple[str, ...] = ()) -> None:
        super().__init__(places)
        self.places = places  # where codes were found; never the codes themselves


class WrongMailbox(Stranger):
    """This mail carries a valid reply code but came into another mailbox than the one that asked."""

    key = "wrong_mailbox"
    shown = True
    notify_asked = True

    def __init__(self, asked_from: str) -> None:
        super().__init__(asked_from)
        self.asked_from = (
            asked_from  # the address of the mailbox that the ask went out from; "" where none did
        )


class TwoReadings(Stranger):
    """Two programs could read this mail in two ways, so it decides nothing."""

    key = "two_readings"
    shown = True

    def __init__(self, reason: Sentence) -> None:
        super().__init__(reason)
        self.reason = reason


class SenderUnclear(Stranger):
    """This mail does not name exactly one sender."""

    key = "sender_unclear"
    shown = True
    notify_asked = True

    def __init__(self, problem: Sentence) -> None:
        super().__init__(problem)
        self.problem = problem


class NotTheOneAsked(Stranger):
    """This mail carries a valid reply code but comes from somebody else than the person asked."""

    key = "not_the_one_asked"
    shown = True
    notify_asked = True

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class Unproved(Stranger):
    """Who sent this mail is not proved: one of those below says why."""

    key = "unproved"
    shown = True
    notify_asked = True

    def __init__(self, reason: Sentence) -> None:
        super().__init__(reason)
        self.reason = reason  # in words, for the administrator


class NotProved(Unproved):
    """Nothing proves that the person asked really sent this mail."""

    key = "not_proved"


class StampsPlanted(Unproved):
    """It carries stamps in our server's name that our server did not write, so none of its stamps prove anything."""

    key = "stamps_planted"

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "Authentication-Results in our server's name stand at two places: somebody else wrote some."
            )
        )


class TooOld(Stranger):
    """This mail says that it was written before we asked: it may be an old one, sent again, or a clock is wrong."""

    key = "too_old"
    shown = True
    notify_asked = True

    def __init__(self, reason: Sentence) -> None:
        super().__init__(reason)
        self.reason = reason  # names the clock, for the administrator


class MechanismNotConfirmed(Stranger):
    """The server vouches for the sender in a way that the administrator has not confirmed yet."""

    key = "mechanism_not_confirmed"
    shown = True
    notify_asked = True

    def __init__(self, mechanism: str) -> None:
        super().__init__(mechanism)
        self.mechanism = mechanism  # the value of AuthMechanism, "" where there is none


class StarterUnknown(Stranger):
    """This mail is to start a request, and its sender is nobody who is known here."""

    key = "starter_unknown"
    shown = True

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class Unparseable(Stranger):
    """This mail cannot be read within the limits that keep hostile mail from stopping the others."""

    key = "unparseable"
    shown = True

    def __init__(self, reason: Sentence) -> None:
        super().__init__(reason)
        self.reason = reason


# ---------------------------------------------------------------------- the proved sender is told


class Told(Refusal):
    """The sender is proved and is told why the answer was not applied."""

    key = "told"
    told = True


class PageOnly(Told):
    """This approval can be decided on its page only; please sign in there."""

    key = "page_only"


class Sealed(Told):
    """Your mail is encrypted or protected, so what you wrote could not be read; please decide on the page."""

    key = "sealed"

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how  # such as "S/MIME encrypted"; English


class NotNamed(Told):
    """Your mail came to the address of this approval, but it does not answer our mail, so nothing was decided."""

    key = "not_named"

    def __init__(self, why: Sentence = NOTHING) -> None:
        super().__init__(why)
        self.why = why  # one sentence for the mail log


class Unclear(Told):
    """Your answer could not be understood without a guess, so nothing was decided."""

    key = "unclear"

    def __init__(
        self, read_text: str, why: Sentence, language: str = "", likely: "Likely | None" = None
    ) -> None:
        super().__init__(read_text, why, language)
        self._likely = likely  # the one answer that may be offered to be confirmed
        self.read_text = read_text  # the new text as it was read, without quotes; "" if there was none
        self.why = why  # one sentence for the sender
        self.language = language  # of its words; "" where that is not known

    @property
    def likely(self) -> "Likely | None":
        return self._likely


class DigestUnclear(Told):
    """Not all of your answers could be understood without a guess, so nothing was decided."""

    key = "digest_unclear"

    def __init__(self, read_text: str, why: Sentence, entries: "Sequence[Entry]" = ()) -> None:
        super().__init__(read_text, why)
        self._entries = entries
        self.read_text = read_text  # the new text as it was read, without quotes; "" if there was none
        self.why = why  # one sentence for the sender

    @property
    def entries(self) -> "Sequence[Entry]":
        """What each line of it was understood as."""
        return self._entries


class Incomplete(Told):
    """Your answer lacks something that it needs, so nothing was decided yet."""

    key = "incomplete"

    def __init__(self, answer: str, language: str = "") -> None:
        super().__init__(answer, language)
        self.answer = answer  # as the page calls it
        self.language = language  # of the reply; "" where that is not known


class AnswersNotTaken(Told):
    """A question was not answered, or in a way that cannot be read, so nothing was decided."""

    key = "answers_not_taken"

    def __init__(
        self,
        answer: str,
        wrong: list[str],
        understood: list[str],
        given: dict[str, str],
        language: str = "",
        *,
        on_page: bool = False,
        files: bool = False,
    ) -> None:
        super().__init__(answer, wrong, understood, given, language)
        self.answer = answer  # the outcome, as the page calls it
        self.wrong = wrong  # for each such question a sentence that names it
        self.understood = understood  # the others with what they were read as
        self.given = given  # what was understood as it was written, by the name of its question
        self.language = language  # of the reply; "" where that is not known
        self.on_page = on_page  # some of it can be entered on the page only
        self.files = files  # and some of that are files


class CommentNeeded(Incomplete):
    """Your answer needs a comment that says why, so nothing was decided yet."""

    key = "comment_needed"


class ConfirmationNeeded(Incomplete):
    """Your answer was not clear enough to count, so you were asked whether it was understood."""

    key = "confirmation_needed"

    def __init__(self, answer: str, words: str, why: Sentence, language: str = "") -> None:
        super().__init__(answer, language)
        self.words = words  # those that it was understood from
        self.why = why  # it did not count by itself


class AlreadyDecided(Told):
    """This approval was decided before your answer came, so your answer changed nothing."""

    key = "already_decided"

    def __init__(
        self, who: str, outcome: str, when: str, answer: str = "", step: str = "", until: str = ""
    ) -> None:
        super().__init__(who, outcome, when, answer, step, until)
        self.who = who
        self.step = step  # its name, where another step than the one asked about was decided
        self.outcome = outcome
        self.answer = answer  # its label, where the outcome is the process's own
        self.when = when  # ISO 8601, UTC
        self.until = until  # the same of the moment up to which they may take it back; "" where they cannot


class MayNotDecide(Told):
    """Whoever was asked may not decide this one, so nothing was decided."""

    key = "may_not_decide"

    def __init__(self, why: Sentence) -> None:
        super().__init__(why)
        self.why = why  # one sentence for the sender


class NoLongerOpen(Told):
    """This approval is no longer open, so nothing was decided."""

    key = "no_longer_open"

    def __init__(self, why: Sentence) -> None:
        super().__init__(why)
        self.why = why  # one sentence for the sender


class Changed(Told):
    """The request changed after it was shown to you, so your answer was not applied to it."""

    key = "changed"


class NotAskedBack(Told):
    """Your question to the requester was not sent."""

    key = "not_asked_back"

    def __init__(self, why: Sentence) -> None:
        super().__init__(why)
        self.why = why  # one sentence for the sender


class NotClarified(Told):
    """Your answer to a question about your request was not sent."""

    key = "not_clarified"

    def __init__(self, why: Sentence) -> None:
        super().__init__(why)
        self.why = why  # one sentence for the sender


class TooLarge(Told):
    """Your mail is too large to be read; please answer again without attachments."""

    key = "too_large"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(size, limit)
        self.size = size  # bytes
        self.limit = limit  # bytes


class HelpAsked(Told):
    """This mail asks how to answer."""

    key = "help_asked"


class StatusAsked(Told):
    """This mail asks where the request stands."""

    key = "status_asked"


class NotUndone(Told):
    """Your answer was not taken back."""

    key = "not_undone"

    def __init__(self, said: Sequence[str]) -> None:
        super().__init__(said)
        self.said = list(said)  # sentences for the sender, in their language


class NotGiven(Told):
    """This mail gives the question to somebody who is not known, or who cannot answer it."""

    key = "not_given"

    def __init__(self, said: Sequence[str]) -> None:
        super().__init__(said)
        self.said = list(said)  # sentences for the sender, in their language


class StartNotTaken(Told):
    """Your mail was to start a request, and started none."""

    key = "start_not_taken"

    def __init__(self, why: Sentence) -> None:
        super().__init__(why)
        self.why = why  # one sentence for the sender


class StartLacks(Told):
    """Something is missing in this mail, so it has not started a request yet."""

    key = "start_lacks"

    def __init__(self, wrong: Sequence[str]) -> None:
        super().__init__(wrong)
        self.wrong = list(wrong)  # sentences for the sender, in their language


class StartTwice(Told):
    """The same mail came before, so it starts nothing now."""

    key = "start_twice"

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number  # of the request that it started then; 0: what it lacks was asked for


ANSWER_AGAIN: tuple[type[Told], ...] = (
    NotNamed, Unclear, DigestUnclear, AnswersNotTaken, HelpAsked, StatusAsked
)  # fmt: skip
"""Refusals whose mails carry the reply code once more: they are answered like the ask."""
