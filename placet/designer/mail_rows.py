"""How the mails of a step begin, as rows of a form: subject and text, in each language. A notice says them itself,
other steps below `mail`."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from placet.designer.inputs import Button, Place, Row
from placet.designer.reading import mapping, words
from placet.designer.what_rows import label_boxes, label_in, languages_of

KINDS = ("approval", "task", "notice")
PARTS = ("subject", "text")


def _texts_of(step: Mapping[str, Any]) -> tuple[Mapping[str, Any], Place]:
    """What holds subject and text, and where that stands."""
    return (step, ()) if step.get("kind") == "notice" else (mapping(step.get("mail")), ("mail",))


def mail_rows(step: Mapping[str, Any]) -> list[Row]:
    says, place = _texts_of(step)
    languages = languages_of(says.get(part) for part in PARTS)
    subject = Row(legend=_("Subject"), place=(*place, "subject"))
    subject.boxes = label_boxes(
        "mail-subject", says.get("subject"), _("Subject"), (*place, "subject"), languages, width="long"
    )
    text = Row(legend=_("Text"), place=(*place, "text"))
    text.boxes = label_boxes(
        "mail-text", says.get("text"), _("Text"), (*place, "text"), languages, shape="lines", width="long"
    )
    text.boxes[0].help = _("Where the name of a field stands in braces, what it holds is filled in")
    text.buttons = [Button("preview", _("Save and preview"), _("Save, and preview the mail"))]
    return [subject, text]


def mail_in(post: Mapping[str, str], step: Mapping[str, Any]) -> dict[str, Any]:
    """What the step says of them now."""
    if not any(f"mail-{part}" in post for part in PARTS):
        return {}
    says, _place = _texts_of(step)
    languages = languages_of(says.get(part) for part in PARTS)
    parts = {part: _part_in(post, part, says.get(part), languages) for part in PARTS}
    if step.get("kind") == "notice":
        return parts
    others = {name: value for name, value in says.items() if name not in PARTS}
    return {"mail": others | {part: text for part, text in parts.items() if text is not None} or None}


def _part_in(post: Mapping[str, str], part: str, old: Any, languages: list[tuple[str, str]]) -> Any:
    name = f"mail-{part}"
    typed = {key: text.replace("\r\n", "\n") for key, text in post.items() if key.startswith(name)}
    new = label_in(typed, name, old, languages)
    return old if new == _trimmed(old) else new


def _trimmed(written: Any) -> Any:
    """As it comes back from a form: what is written in YAML as lines ends with one."""
    if isinstance(written, dict):
        return {code: text for code, one in written.items() if (text := words(one).strip())} or None
    return words(written).strip() or None
