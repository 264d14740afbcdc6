"""What people enter on the portal's pages; the form of a request is in `placet.portal.form_rows`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django import forms
from django.utils.translation import gettext_lazy

from placet.approvals.engine import LONGEST_COMMENT

MOST_PICKED = 25  # decided at once
_PICK = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


# --- deciding ---------------------------------------------------------------------------------------------


def _comment() -> forms.CharField:
    return forms.CharField(
        required=False,
        max_length=LONGEST_COMMENT,
        error_messages={
            "max_length": gettext_lazy(
                "At most %(limit_value)d characters, please; this comment has %(show_value)d."
            ),
            "null_characters_not_allowed": gettext_lazy(
                "This comment holds a character that cannot be kept."
            ),
        },
    )


class DecideForm(forms.Form):
    """One answer on the page: to which question, to what was shown, and what."""

    assignment = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    shown = forms.CharField(max_length=64)
    outcome = forms.CharField(max_length=40)
    comment = _comment()


@dataclass(frozen=True)
class Pick:
    """One of several questions, and the hash of what was shown of it."""

    assignment: int
    shown: str

    def __str__(self) -> str:
        return f"{self.assignment}:{self.shown}"


class SeveralForm(forms.Form):
    """One answer to several questions. `sure`: they were all shown once more."""

    outcome = forms.ChoiceField()
    comment = _comment()
    sure = forms.BooleanField(required=False)

    def picks(self) -> list[Pick]:
        """The questions that were chosen, each once, in the order of the page."""
        # What a page sent is a QueryDict; the stubs know any mapping.
        found = [_PICK.fullmatch(text) for text in self.data.getlist("pick")[:MOST_PICKED]]  # type: ignore[attr-defined]
        picks = {int(pick[1]): Pick(int(pick[1]), pick[2]) for pick in found if pick}
        return list(picks.values())

    def offer(self, outcomes: Iterable[str]) -> None:
        """The answers that may be given: those that the steps of the picks offer."""
        outcome = self.fields["outcome"]
        assert isinstance(outcome, forms.ChoiceField)
        outcome.choices = [(one, "") for one in outcomes]


class WhichForm(forms.Form):
    """The id of an assignment or a visit."""

    which = forms.IntegerField(min_value=1, max_value=2**63 - 1)
