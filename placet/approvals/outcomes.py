"""What can be answered in a step, as its process says it: the mail, its links, the pages and the reader of replies take
an answer's words and all that it needs from here, and from nowhere else.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from placet.approvals.task_words import REVISED_WORDS, TASK_WORDS
from placet.lib.canonical import digest

APPROVE, REJECT = "approve", "reject"
TASK_DONE = "done"  # the one outcome of a task
REVISED = "revised"  # and of a step in which the requester changes what was entered
#: What a link writes as an answer, so each is a word that is read as one (`placet.replies.languages`; of a task
#: `placet.approvals.task_words`).
LABELS: dict[str, Promise] = {
    APPROVE: gettext_lazy("Approve"),
    REJECT: gettext_lazy("Reject"),
    TASK_DONE: pgettext_lazy("a task", "Done"),
    REVISED: pgettext_lazy("a request", "Revised"),
}
DONE: dict[str, Promise] = {APPROVE: gettext_lazy("approved"), REJECT: gettext_lazy("rejected")}
MOST_WORDS = 50  # of one outcome in one language
FALLBACK = "en"

Tone = Literal["good", "bad", "neutral"]
LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$")]


def _plain(text: str) -> str:
    if not text.isprintable() or text != " ".join(text.split(" ")).strip() or not any(map(str.isalnum, text)):
        raise ValueError(
            "one line of letters, digits and signs, please, without anything that cannot be seen"
        )
    return text


_Words = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_plain)]


Label = _Words | dict[LanguageCode, _Words]  # in one language, or by language


def _in_a_row(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Condition(BaseModel):
    """When a comment is needed: a condition on the form, in CEL."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str = Field(min_length=1)


class Outcome(BaseModel):
    """One answer. Written as its key alone where there is nothing to add: `approve`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    #: What buttons, mails and pages call it, in one language or in several.
    label: Label | None = None
    #: What else a reply may say for it, by language.
    words: dict[
        LanguageCode, Annotated[tuple[_Words, ...], BeforeValidator(_in_a_row), Field(max_length=MOST_WORDS)]
    ] = {}
    #: Whether it gives what is asked for: then a reply that says it is read as strictly as an approval.
    grants: bool | None = None
    tone: Tone | None = None
    comment: Literal["optional", "required"] | Condition = "optional"
    #: Names of questions of the step that this answer needs to be answered.
    questions: tuple[str, ...] | None = Field(None, min_length=1)
    #: Whether the rule counts whoever answers so. False: they abstain.
    counts: bool = True
    #: The request goes back to the requester, who changes it (`placet.approvals.returns`): no published version has it.
    returns: Literal["requester"] | None = None
    again: Literal["everybody", "same_step", "affected"] | None = None
    keep_if: str | None = Field(None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _by_its_key(cls, value: Any) -> Any:
        return {"key": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_a_name(self) -> "Outcome":
        if self._is_known:
            if self.grants is not None:
                raise ValueError(f"whether {self.key} grants what is asked for is known; leave grants out")
            return self
        if self.label is None:
            raise ValueError(f"{self.key} needs a label")
        if self.grants is None:
            raise ValueError(
                f"{self.key}: say grants: true if this answer gives what is asked for, grants: false if not"
            )
        return self

    @model_validator(mode="after")
    def _returns(self) -> "Outcome":
        if self.returns is None and (self.again is not None or self.keep_if is not None):
            raise ValueError(f"{self.key}: again and keep_if belong to returns: requester")
        if self.returns is not None and (self.is_granted or not self.counts or self._is_of_task):
            raise ValueError(
                f"{self.key}: only an answer that counts and gives nothing can return a request; leave returns out"
            )
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> Any:
        """As short as it can be written: a version that names nothing of its own is kept as ever."""
        written = {name: value for name, value in handler(self).items() if name in self.model_fields_set}
        return self.key if written.keys() == {"key"} else written

    @property
    def _is_known(self) -> bool:
        """A process may call an answer of its own `done`, too: then it has a label."""
        return self.key in (APPROVE, REJECT) or self._is_of_task

    @property
    def _is_of_task(self) -> bool:
        return self.key in (TASK_DONE, REVISED) and self.label is None

    # --- how it is shown ----------------------------------------------------------------------------------

    @property
    def shown(self) -> str:
        """Its label, as the reader reads it."""
        if self.label is None:
            return str(LABELS[self.key])
        return as_read(self.label)

    @property
    def is_built_in(self) -> bool:
        """Whether sentences may say "approved" and "rejected" of it; another one is quoted by its label."""
        return self.key in DONE and self.label is None

    @property
    def done(self) -> str:
        """What somebody did who answered it: "approved", or the label of an outcome of a process's own."""
        return str(DONE[self.key]) if self.is_built_in else self.shown

    @property
    def is_revised(self) -> bool:
        """Whether it is the requester's, who revised the request."""
        return self.key == REVISED and self.label is None

    @property
    def is_granted(self) -> bool:
        return self.key == APPROVE or bool(self.grants)

    @property
    def colour(self) -> Tone:
        if self.tone is not None:
            return self.tone
        return "good" if self.is_granted or self._is_of_task else "bad" if self.key == REJECT else "neutral"

    @property
    def identity(self) -> str:
        """Tells it from an outcome of the same key that another process calls otherwise."""
        if self.label is None:
            return self.key
        return f"{self.key}~{digest([self.label, self.is_granted])[:12]}"

    # --- how it is answered -------------------------------------------------------------------------------

    @property
    def reply_words(self) -> tuple[str, ...]:
        """What a reply may say for it, beside what all languages know of approving and rejecting."""
        if self._is_of_task:
            own = REVISED_WORDS if self.key == REVISED else ()
            return (*TASK_WORDS, *own, *(word for words in self.words.values() for word in words))
        labels = (
            ()
            if self.label is None
            else (self.label,)
            if isinstance(self.label, str)
            else self.label.values()
        )
        return tuple(dict.fromkeys([*labels, *(word for words in self.words.values() for word in words)]))


def as_read(label: str | Mapping[str, str]) -> str:
    """A label, as the reader reads it."""
    return label if isinstance(label, str) else in_language(label)


def in_language(texts: Mapping[str, str]) -> str:
    """Of texts by language the one for the language that is active."""
    language = (get_language() or FALLBACK).lower()
    written = {code.lower(): text for code, text in texts.items()}
    for code in (language, language.partition("-")[0], FALLBACK):
        if code in written:
            return written[code]
    return next(iter(texts.values()))


def text_for_ever(texts: Mapping[str, str]) -> str:
    """Of texts by language the one that facts are written in, whoever reads them and whichever database kept them."""
    return texts.get(FALLBACK) or texts[min(texts)]


def you_answered(outcome: Outcome) -> str:
    """Of the reader: "You approved this request"."""
    if outcome.is_built_in:
        return _("You approved this request") if outcome.key == APPROVE else _("You rejected this request")
    if outcome.is_revised:
        return _("You sent this request again")
    return _("You answered “{answer}”").format(answer=outcome.shown)
