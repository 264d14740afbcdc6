"""What a process says of the mails of a step: their subject and the text that they begin with, in one language or by
language. Both are plain text; `{field}` is filled from the form.

Neither belongs to what an answer counts for (`form.facts_hash`): a published version never changes, and what is filled
in are fields that the step shows, which are facts already.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from placet.approvals.outcomes import LanguageCode

LONGEST_SUBJECT = 150  # characters, before places are filled
LONGEST_TEXT = 2000
#: What validation calls the two ways to write one.
PLAIN, BY_LANGUAGE = "plain", "by_language"


def _way(value: Any) -> str:
    return BY_LANGUAGE if isinstance(value, Mapping) else PLAIN


_Subject = Annotated[str, Field(max_length=LONGEST_SUBJECT)]
_Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Subject = Annotated[
    Annotated[_Subject, Tag(PLAIN)]
    | Annotated[dict[LanguageCode, _Subject], Field(min_length=1), Tag(BY_LANGUAGE)],
    Discriminator(_way),
]
Text = Annotated[
    Annotated[_Text, Tag(PLAIN)]
    | Annotated[dict[LanguageCode, _Text], Field(min_length=1), Tag(BY_LANGUAGE)],
    Discriminator(_way),
]


class StepMail(BaseModel):
    """How the mails of one step begin."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: Subject | None = None
    text: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "StepMail":
        if self.subject is None and self.text is None:
            raise ValueError("say how the mail begins: its subject, its text, or both")
        return self


def by_language(written: str | Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
    """Language and text of each; of one that is for everybody the language is ""."""
    if isinstance(written, Mapping):
        yield from written.items()
    elif written:
        yield "", written
