"""The tool that decides: off unless `placet mcp --allow-decisions`, and only after the person at the keyboard, not the
model, has seen the facts and said yes (MCP's elicitation). Placet refuses it unless the key has decisions:write and the
process lets a key answer."""

import sys
from collections.abc import Callable
from typing import Annotated, Any

from mcp.server.mcpserver import Elicit, ElicitationResult, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from placet_client import Fact, Placet, PlacetError, Waiting
from pydantic import BaseModel, Field

from placet.agents import views
from placet.agents.views import Decided

AssignmentId = Annotated[
    str, Field(description="The `assignment_id` of list_waiting_for_me.", max_length=100)
]
Outcome = Annotated[str, Field(description="The key of one of its outcomes.", max_length=40)]
Comment = Annotated[str, Field(description="What your person wants to say with it.", max_length=2_000)]


class Sure(BaseModel):
    sure: bool = Field(description="Yes: this is my own decision, about the facts above.")


def decide_tool(placet_of: Callable[[], Placet]) -> Callable[..., Decided]:
    def shown(assignment_id: str) -> Waiting:
        """What is decided about. The decision names the facts that the person was shown: Placet refuses it if they have
        changed since."""
        try:
            with placet_of() as placet:
                waiting = placet.assignment(assignment_id)
        except (PlacetError, ValueError) as error:
            raise ToolError(views.plain(error)) from None
        if not waiting.by_api:
            raise ToolError("This is answered by mail or on its page alone.")
        return waiting

    def ask(waiting: Annotated[Waiting, Resolve(shown)], outcome: str, comment: str = "") -> Elicit[Sure]:
        if outcome not in {one.key for one in waiting.outcomes}:
            known = ", ".join(one.key for one in waiting.outcomes)
            raise ToolError(f"It can be answered with: {views.plain(known)}.")
        return Elicit(question(waiting, outcome, comment), Sure)

    def decide(
        assignment_id: AssignmentId,
        outcome: Outcome,
        waiting: Annotated[Waiting, Resolve(shown)],
        answer: Annotated[ElicitationResult[Sure], Resolve(ask)],
        comment: Comment = "",
    ) -> Decided:
        """Decide as the person whose key this is. That person is shown the facts and asked; without their yes nothing
        is decided. Never call it unless they asked you to."""
        data: Any = getattr(answer, "data", None)
        if answer.action != "accept" or not isinstance(data, Sure) or not data.sure:
            return Decided(decided=False, reason="The person did not say yes: nothing is decided.")
        with placet_of() as placet:
            placet.decide(waiting, outcome, comment=comment or None)
        return Decided(decided=True, reason=f"Decided: {outcome}.")

    return decide


def question(waiting: Waiting, outcome: str, comment: str) -> str:
    """What the person is asked, with all that the decision is about."""
    view = views.waiting_view(waiting)
    facts = [f"{_within(fact.label)}: {_within(fact.value)}" for fact in waiting.facts[: views.MOST]]
    label = next(one.label or one.key for one in waiting.outcomes if one.key == outcome)
    lines = [
        f"Answer “{views.plain(label)}” to request {view.number} as yourself?",
        f"Title: {_within(view.written_by_people.title)}",
        *facts,
    ]
    if len(waiting.facts) > len(facts) or any(_is_cut(fact) for fact in waiting.facts):
        lines.append(f"There is more of it: {view.link}")
    if comment:
        lines.append(f"Your comment: {_within(comment)}")
    return "\n".join([*lines, f"(Facts {views.plain(waiting.seen)[:16]})"])


def _within(text: object) -> str:
    """No line of what somebody wrote looks like one of ours, or like another fact."""
    return "\n    ".join(views.plain(text).splitlines())


def _is_cut(fact: Fact) -> bool:
    return any(len(views.plain(text, sys.maxsize)) > views.LONGEST for text in (fact.label, str(fact.value)))
