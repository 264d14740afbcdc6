"""What became of requests that ended, as reports count it and lists are filtered by it: keys, and how people read them.

A trait holds of a request or not; a measure is a length of time, of which a request has its longest. Those of one step
have its key behind a colon.
"""

from collections.abc import Iterator, Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from placet.approvals.definitions import Definition
from placet.approvals.steps import ApprovalStep, CallStep, WaitStep
from placet.portal.path import CHANNELS
from placet.replies.reasons import REASONS

AT_ONCE, SENT_BACK, CLARIFIED, REDONE = "at_once", "sent_back", "clarified", "redone"
ANSWERED, REPLIED, UNCLEAR = "answered", "replied", "unclear"
LATE, STUCK, ASKED_BACK, PASSED = "late", "stuck", "asked_back", "passed"
WORKED, CALENDAR, FIRST_ANSWER, WAITED = "worked", "calendar", "first_answer", "waited"
#: Traits of steps → what is counted of these (`placet.reports.sums`).
OF_STEPS = {PASSED: "visits", LATE: "late", STUCK: "stuck", ASKED_BACK: "asked_back"}
RULES: Mapping[str, Promise] = {
    "delegates": gettext_lazy("Answers of delegates"),
    "by_hand": gettext_lazy("Put right by hand"),
    "escalated": gettext_lazy("Others asked, because late"),
    "expired": gettext_lazy("Steps nobody decided in time"),
    "stopped": gettext_lazy("Requests that took too long"),
    "undone": gettext_lazy("Answers taken back"),
    "barred": gettext_lazy("Second pair of eyes missing"),
}
_ROUNDS, _CHANNEL, _REFUSED = "rounds:", "channel:", "refused:"
_ROUNDS_OFFERED = 5  # more only where somebody asks for them
_MOST_DIGITS = 4  # of rounds

#: Keys → words, in groups.
Groups = list[tuple[str, list[tuple[str, str]]]]


def of_rounds(number: int) -> str:
    return f"{_ROUNDS}{number}"


def of_channel(channel: str) -> str:
    return f"{_CHANNEL}{channel}"


def of_refusal(reason: str) -> str:
    return f"{_REFUSED}{reason}"


def of_step(kind: str, step: str) -> str:
    """`kind`: a trait or measure of steps."""
    return f"{kind}:{step}"


def groups(definition: Definition | None, asked: str) -> Groups:
    """All traits that can be asked for; those of single steps where one process is looked at. `asked`: one that is
    offered in any case, if there can be such a one."""
    often = asked.removeprefix(_ROUNDS) if asked.startswith(_ROUNDS) else ""
    rounds = [*range(_ROUNDS_OFFERED + 1)]
    is_number = often.isascii() and often.isdecimal() and len(often) <= _MOST_DIGITS
    if is_number and often == str(int(often)):
        rounds = sorted({*rounds, int(often)})
    return [
        (
            _("Right at once"),
            [
                (AT_ONCE, _("approved at once")),
                (SENT_BACK, _("sent back to the requester")),
                (CLARIFIED, _("the requester was asked something")),
                (REDONE, _("a reply did not count, and another was needed")),
                *((of_rounds(number), _sent_back(number)) for number in rounds),
            ],
        ),
        (
            _("How people answer"),
            [
                (ANSWERED, _("a step was answered")),
                *(
                    (of_channel(channel), _("answered {way}").format(way=way))
                    for channel, way in CHANNELS.items()
                ),
                (REPLIED, _("replied by mail")),
                (UNCLEAR, _("a reply was not clear")),
            ],
        ),
        (_("Replies that did not count"), [(of_refusal(key), str(words)) for key, words in REASONS.items()]),
        (_("Whether rules are kept"), [(key, str(words)) for key, words in RULES.items()]),
        (_("Where it sticks"), [*_of_steps().items()]),
        *(
            (name, [(of_step(kind, key), words) for kind, words in _of_one_step().items()])
            for key, name in _waiting(definition)
        ),
    ]


def _sent_back(number: int) -> str:
    if not number:
        return _("never sent back")
    return ngettext("sent back {n} time", "sent back {n} times", number).format(n=number)


def _of_steps() -> Mapping[str, str]:
    return {
        PASSED: _("a step was gone through"),
        LATE: _("a deadline passed in a step"),
        STUCK: _("a step was stuck"),
        ASKED_BACK: _("the requester was asked something in a step"),
    }


def _of_one_step() -> Mapping[str, str]:
    return {
        PASSED: _("gone through"),
        LATE: _("a deadline passed"),
        STUCK: _("it was stuck"),
        ASKED_BACK: _("the requester was asked something"),
    }


def is_of_step(key: str) -> bool:
    """Whether a trait or a measure is one of a single step."""
    kind, is_of_one, _step = key.partition(":")
    return bool(is_of_one) and kind in (*OF_STEPS, WAITED)


def measures(definition: Definition | None) -> list[tuple[str, str]]:
    """All lengths of time that can be asked for, as `groups`."""
    return [
        (WORKED, _("working time from start to end")),
        (CALENDAR, _("calendar time from start to end")),
        (FIRST_ANSWER, _("working time until the first answer of a step")),
        (WAITED, _("working time in a step")),
        *(
            (of_step(WAITED, key), _("working time in {step}").format(step=name))
            for key, name in _waiting(definition)
        ),
    ]


def _waiting(definition: Definition | None) -> Iterator[tuple[str, str]]:
    """Key and name of each step in which somebody, or something outside, is waited for."""
    steps = {} if definition is None else definition.steps
    for key, step in steps.items():
        if isinstance(step, ApprovalStep | WaitStep | CallStep):
            yield key, step.name or key


def in_words(definition: Definition | None, trait: str) -> str:
    """Of one alone: that of a step with its name, and that of a reply with what became of it."""
    named = ((group, words) for group, of in groups(definition, trait) for key, words in of if key == trait)
    group, words = next(named)
    return f"{group}: {words}" if is_of_step(trait) or trait.startswith(_REFUSED) else words
