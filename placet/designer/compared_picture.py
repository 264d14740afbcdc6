"""The picture of a process with what is new, changed and gone in it since another version."""

from collections.abc import Iterable, Mapping

from django.utils.safestring import SafeString

from placet.approvals.picture import drawing_of_changes
from placet.approvals.processes import DefinitionInvalid, as_written
from placet.designer.differences import Difference, marks_of


def compared_picture(
    old: str, new: str, several: Iterable[Difference], links: Mapping[str, str] = {}
) -> SafeString:
    """`old`, `new`: texts; `several`: what differs between them; `links`: addresses by key of a step. Empty where one
    of the texts says too little to be drawn, or no step and no way differs."""
    steps = marks_of(one for one in several if one.path[:1] == ("steps",))
    try:
        return drawing_of_changes(as_written(old), as_written(new), steps, links=links)
    except DefinitionInvalid:
        return SafeString()
