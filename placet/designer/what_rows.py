"""What a step asks: its answers with their words, its questions, and whose answers decide. What no row shows stays."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from django.conf import settings
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from placet.designer.condition_rows import condition_in, condition_row
from placet.designer.inputs import GONE, Box, Button, Choices, Place, Row, Shape
from placet.designer.reading import items, mapping, words
from placet.designer.surroundings import Surroundings, known_outcome
from placet.replies.known_words import SHOWN, known_words

MOST_QUESTIONS = 20
BUILT_IN = ("approve", "reject")
_WHEN = "when"
_NO_KEY = re.compile("[^a-z0-9]+")
QUESTION_TYPES = (
    "text", "number", "money", "percent", "date", "time", "date_time", "yes_no", "choice", "email", "phone", "url",
    "iban", "person", "people",
)  # fmt: skip


def key_from(label: str, taken: Iterable[str], fallback: str, *, joint: str = "_") -> str:
    """A key made of a label: small letters and digits, none of those that are taken."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    key = _NO_KEY.sub(joint, plain).strip(joint)[:30].strip(joint)
    key = key if key and key[0].isalpha() else f"{fallback}{joint}{key}".rstrip(joint)
    others, number, candidate = set(taken), 2, key
    while candidate in others:
        candidate, number = f"{key}{joint}{number}", number + 1
    return candidate


def languages_of(labels: Iterable[Any]) -> list[tuple[str, str]]:
    """Codes and names: those of the pages, and those that labels are written in. The first one is everybody's."""
    codes = [code for code, _name in settings.LANGUAGES]
    used = [code for label in labels for code in mapping(label) if isinstance(code, str)]
    return [(code, _language(code)) for code in dict.fromkeys([*codes, *used])]


def _language(code: str) -> str:
    try:
        return str(get_language_info(code.lower())["name_translated"])
    except KeyError:
        return code


# --- labels by language -----------------------------------------------------------------------------------


def label_boxes(
    name: str,
    label: Any,
    title: str,
    place: Place,
    languages: list[tuple[str, str]],
    *,
    shape: Shape = "line",
    width: Literal["", "long"] = "",
) -> list[Box]:
    by_code = mapping(label)
    (first, _first_name), *others = languages
    boxes = [Box(name, title, words(label) or words(by_code.get(first)), shape, place=place, width=width)]
    for code, language in others:
        shown, text = _("{what}, {language}").format(what=title, language=language), words(by_code.get(code))
        boxes.append(Box(f"{name}-{code}", shown, text, shape, place=(*place, code), width=width))
    return boxes


def label_in(post: Mapping[str, str], name: str, old: Any, languages: list[tuple[str, str]]) -> Any:
    (first, _name), *others = languages
    base = post.get(name, "").strip()
    more = {code: text for code, _language in others if (text := post.get(f"{name}-{code}", "").strip())}
    if not more and not isinstance(old, dict):
        return base or None
    texts = ({first: base} if base else {}) | more
    # In the order in which they stand there.
    return {code: texts[code] for code in [*mapping(old), *texts] if code in texts} or None


# --- outcomes ---------------------------------------------------------------------------------------------


def outcomes_of(step: Mapping[str, Any]) -> list[Any]:
    return items(step.get("outcomes")) or list(BUILT_IN)


def outcome_rows(step: Mapping[str, Any], around: Surroundings) -> list[Row]:
    listed = outcomes_of(step)
    languages = languages_of(mapping(one).get("label") for one in listed)
    rows = [_outcome(number, one, around, languages) for number, one in enumerate(listed)]
    for number, row in enumerate(rows):
        row.buttons = _ordering("outcome", number, len(rows), row.legend)
    return [*rows, _new_outcome(len(listed))]


def _ordering(name: str, number: int, count: int, what: str, *, least: int = 1) -> list[Button]:
    buttons = []
    if number:
        buttons.append(Button(f"up:{name}:{number}", _("Up"), _("{what}: up").format(what=what), "arrow-up"))
    if number < count - 1:
        spoken = _("{what}: down").format(what=what)
        buttons.append(Button(f"up:{name}:{number + 1}", _("Down"), spoken, "arrow-down"))
    if count > least:
        spoken = _("{what}: remove").format(what=what)
        buttons.append(Button(f"remove:{name}:{number}", _("Remove"), spoken, "x-mark"))
    return buttons


def _outcome(number: int, outcome: Any, around: Surroundings, languages: list[tuple[str, str]]) -> Row:
    says = mapping(outcome)
    key = words(outcome) or words(says.get("key"))
    name, place = f"outcome-{number}", ("outcomes", number)
    label = says.get("label")
    shown = words(label) or words(mapping(label).get("en")) or known_outcome(key)
    row = Row(legend=_("Answer “{name}”").format(name=shown), place=place)
    labels = label_boxes(
        f"{name}-label", label, _("What buttons and mails call it"), (*place, "label"), languages
    )
    is_built_in = key in BUILT_IN and label is None
    row.boxes = [
        *([] if is_built_in else labels),
        Box(f"{name}-tone", _("Colour"), words(says.get("tone")), "choice", _tones(), place=(*place, "tone")),
        _comment_box(name, says.get("comment"), place),
    ]
    if key not in BUILT_IN:
        row.boxes.append(_grants_box(name, says.get("grants"), place))
        returns = "yes" if says.get("returns") is not None else ""
        row.boxes.append(
            Box(f"{name}-returns", _("The request goes back to its requester, who changes it"), returns, "tick",
                place=(*place, "returns"))
        )  # fmt: skip
    row.summary, row.rows = _("Words and conditions"), [_word_row(name, key, says, place, languages)]
    if is_built_in:
        row.rows.insert(0, Row(legend=_("Another name for it"), boxes=labels))
    condition = mapping(says.get("comment")).get(_WHEN)
    summary = _("A comment is required if")
    row.rows.append(condition_row(f"{name}-when", condition, around, (*place, "comment"), summary))
    return row


def _tones() -> Choices:
    return (("", _("chosen by Placet")), ("good", _("green")), ("bad", _("red")), ("neutral", _("grey")))


def _comment_box(name: str, comment: Any, place: Place) -> Box:
    chosen = _WHEN if isinstance(comment, dict) else words(comment)
    choices = [("", _("optional")), ("required", _("required")), (_WHEN, _("required under a condition"))]
    if chosen == "optional":
        chosen = ""
    if chosen not in dict(choices):
        choices.append((chosen, chosen))
    return Box(f"{name}-comment", _("Comment"), chosen, "choice", choices, place=(*place, "comment"))


def _grants_box(name: str, grants: Any, place: Place) -> Box:
    choices = (("", "–"), ("yes", _("gives what is asked for")), ("no", _("does not give it")))
    return Box(f"{name}-grants", _("This answer"), words(grants), "choice", choices, place=(*place, "grants"))


def _word_row(
    name: str, key: str, says: Mapping[str, Any], place: Place, languages: list[tuple[str, str]]
) -> Row:
    own = mapping(says.get("words"))
    codes = dict(languages) | {code: _language(code) for code in own if isinstance(code, str)}
    row = Row(legend=_("What else a reply may say for it"), place=(*place, "words"))
    for code, language in codes.items():
        text = ", ".join(words(word) for word in items(own.get(code)))
        known = known_words(key, code)
        row.boxes.append(
            Box(
                f"{name}-words-{code}",
                _("Words, {language}").format(language=language),
                text,
                help=_known(known, code) if known else _("Parted by commas"),
                place=(*place, "words", code),
                width="long",
            )
        )
    return row


def _known(known: Sequence[str], code: str) -> SafeString:
    shown = ", ".join(f"“{word}”" for word in known[:SHOWN])
    marked = format_html('<bdi lang="{}" data-as-is>{}</bdi>', code, shown)
    if len(known) > SHOWN:
        sentence = _("Parted by commas. Read already: {words} and {n} more")
        return format_html(conditional_escape(sentence), words=marked, n=len(known) - SHOWN)
    return format_html(conditional_escape(_("Parted by commas. Read already: {words}")), words=marked)


def _new_outcome(number: int) -> Row:
    name = f"outcome-{number}"
    row = Row(legend=_("Another answer"))
    row.boxes = [
        Box(f"{name}-label", _("What buttons and mails call it")),
        _grants_box(name, None, ("outcomes", number)),
    ]
    return row


def outcomes_in(post: Mapping[str, str], step: Mapping[str, Any], around: Surroundings) -> Any:
    """None where the step says nothing of them and nothing is to be said."""
    listed = outcomes_of(step)
    languages = languages_of(mapping(one).get("label") for one in listed)
    outcomes: list[Any] = []
    for number, old in enumerate(listed):
        if f"outcome-{number}-{GONE}" in post:
            continue
        if f"outcome-{number}-comment" in post:
            outcomes.append(_outcome_in(post, f"outcome-{number}", old, around, languages))
        else:
            outcomes.append(old)
    new = post.get(f"outcome-{len(listed)}-label", "").strip()
    if new:
        taken = [words(one) or words(mapping(one).get("key")) for one in listed]
        grants = post.get(f"outcome-{len(listed)}-grants", "")
        outcomes.append({"key": key_from(new, taken, "answer"), "label": new} | _truth("grants", grants))
    if step.get("outcomes") is None and outcomes == list(BUILT_IN):
        return None
    return outcomes


def _truth(name: str, chosen: str) -> dict[str, Any]:
    return {name: chosen == "yes"} if chosen in ("yes", "no") else {}


def _outcome_in(
    post: Mapping[str, str], name: str, old: Any, around: Surroundings, languages: list[tuple[str, str]]
) -> Any:
    before = mapping(old) or {"key": words(old)}
    after = {key: value for key, value in before.items() if key not in ("tone", "comment", "words")}
    label = label_in(post, f"{name}-label", before.get("label"), languages)
    after = _with(after, "label", label)
    after = _with(after, "words", _words_in(post, name, before.get("words"), languages))
    if f"{name}-grants" in post:
        after = _with(after, "grants", _truth("grants", post[f"{name}-grants"]).get("grants"))
        returns = before.get("returns") or "requester" if post.get(f"{name}-returns") else None
        after = _with(after, "returns", returns)
        if returns is None:
            after = {key: value for key, value in after.items() if key not in ("again", "keep_if")}
    after = _with(after, "tone", post.get(f"{name}-tone") or None)
    after = _with(after, "comment", _comment_in(post, name, before.get("comment"), around))
    return after["key"] if after.keys() == {"key"} and not isinstance(old, dict) else after


def _with(says: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    rest = {key: one for key, one in says.items() if key != name}
    if value is None:
        return rest
    return says | {name: value} if name in says else rest | {name: value}


def _words_in(post: Mapping[str, str], name: str, old: Any, languages: list[tuple[str, str]]) -> Any:
    before, after = mapping(old), dict[str, Any]()
    for code in dict.fromkeys([*before, *dict(languages)]):
        typed = post.get(f"{name}-words-{code}")
        if typed is None:
            listed = items(before.get(code))
        else:
            listed = [word for one in typed.split(",") if (word := " ".join(one.split()))]
        if listed:
            after[code] = before[code] if items(before.get(code)) == listed else listed
    return after or None


def _comment_in(post: Mapping[str, str], name: str, old: Any, around: Surroundings) -> Any:
    chosen = post.get(f"{name}-comment", "")
    condition = condition_in(post, f"{name}-when", mapping(old).get(_WHEN), around.definition)
    if chosen == _WHEN or (condition is not None and chosen == ""):
        return {_WHEN: condition} if condition is not None else {_WHEN: ""}
    return chosen or ("optional" if old == "optional" else None)


# --- questions --------------------------------------------------------------------------------------------


def question_rows(step: Mapping[str, Any]) -> list[Row]:
    listed = items(step.get("questions"))
    rows = [_question(number, mapping(one)) for number, one in enumerate(listed)]
    for number, row in enumerate(rows):
        row.buttons = _ordering("question", number, len(rows), row.legend, least=0)
    new = Row(legend=_("Another question"))
    new.boxes = _question_boxes(len(listed), {})
    return [*rows, new]


def _question(number: int, says: Mapping[str, Any]) -> Row:
    label = words(says.get("label")) or words(says.get("name"))
    row = Row(legend=_("Question “{name}”").format(name=label), place=("questions", number))
    row.boxes = _question_boxes(number, says)
    return row


def _question_boxes(number: int, says: Mapping[str, Any]) -> list[Box]:
    name, place = f"question-{number}", ("questions", number)
    chosen = words(says.get("type"))
    types = [(one, type_words(one)) for one in QUESTION_TYPES]
    if chosen and chosen not in QUESTION_TYPES:
        types.append((chosen, chosen))
    options = ", ".join(words(one) for one in items(says.get("options")) if not isinstance(one, dict))
    boxes = [
        Box(f"{name}-label", _("Question"), words(says.get("label")), place=(*place, "label"), width="long"),
        Box(f"{name}-type", _("Answer"), chosen or "text", "choice", types, place=(*place, "type")),
    ]
    if not any(isinstance(one, dict) for one in items(says.get("options"))):
        boxes.append(
            Box(f"{name}-options", _("Options of a choice"), options, help=_("Parted by commas"),
                place=(*place, "options"))
        )  # fmt: skip
    required = "yes" if says.get("required") is True else ""
    return [*boxes, Box(f"{name}-required", _("Has to be answered with every answer"), required, "tick")]


def questions_in(post: Mapping[str, str], step: Mapping[str, Any]) -> Any:
    before = items(step.get("questions"))
    after: list[Any] = []
    for number in range(min(len(before) + 1, MOST_QUESTIONS + 1)):
        name = f"question-{number}"
        old = mapping(before[number]) if number < len(before) else {}
        label = post.get(f"{name}-label", "").strip()
        if f"{name}-{GONE}" in post:
            continue
        if f"{name}-label" not in post or (number >= len(before) and not label):
            after += before[number : number + 1]
            continue
        taken = [words(mapping(one).get("name")) for one in [*before, *after]]
        question = {"name": old.get("name") or key_from(label, taken, "question")} | dict(old)
        question |= {"label": label, "type": post.get(f"{name}-type", "text")}
        question = _with(question, "required", True if post.get(f"{name}-required") else None)
        if f"{name}-options" in post:
            question = _with(question, "options", options_in(post[f"{name}-options"], old.get("options")))
        after.append(question)
    return after or None


def options_in(typed: str, old: Any) -> Any:
    options = [text for one in typed.split(",") if (text := one.strip())]
    same = [words(one) for one in items(old)] == options
    return old if same and old is not None else options or None


def type_words(kind: str) -> str:
    """What people call a type of fields."""
    known = {
        "text": _("text, one line"),
        "long_text": _("text, several lines"),
        "exact_text": _("exact text, in fixed type"),
        "money": _("amount of money"),
        "number": _("number"),
        "percent": _("percentage"),
        "date": _("day"),
        "time": _("time of day"),
        "date_time": _("day and time"),
        "period": _("first and last day"),
        "yes_no": _("yes or no"),
        "choice": _("one of several"),
        "choices": _("any of several"),
        "email": _("e-mail address"),
        "phone": _("telephone number"),
        "url": _("web address"),
        "iban": _("IBAN"),
        "person": _("a person"),
        "people": _("several people"),
        "cost_centre": _("cost centre"),
        "files": _("files"),
        "table": _("table with rows"),
        "section": _("heading"),
        "text_block": _("explanation"),
    }
    return known.get(kind, kind)


# --- whose answers decide ---------------------------------------------------------------------------------


def rule_row(step: Mapping[str, Any]) -> Row:
    rule = step.get("rule", "first")
    number = words(rule) if isinstance(rule, int) and not isinstance(rule, bool) else ""
    chosen = rule if rule in ("first", "all") else "number" if number else "kept"
    choices = [("first", _("the first answer decides")), ("all", _("all of them have to agree"))]
    if step.get("kind") == "approval":
        choices.append(("number", _("so many have to agree")))
    if chosen == "kept":
        choices.append(("kept", _("as it is written")))
    row = Row(legend=_("Whose answers decide"), place=("rule",))
    row.boxes = [
        Box("rule", _("If several are asked"), chosen, "choice", choices, place=("rule",)),
        Box("rule-n", _("How many"), number, width="short"),
        Box(
            "order",
            _("They are asked one after the other"),
            "yes" if step.get("order") is not None else "",
            "tick",
            place=("order",),
        ),
    ]
    row.kept = _rule_words(rule) if chosen == "kept" else ""
    return row


def _rule_words(rule: Any) -> str:
    lines = [
        f"{key}: {words(needs) or needs}" for line in items(rule) for key, needs in mapping(line).items()
    ]
    return "; ".join(lines) or words(rule)


def rule_in(post: Mapping[str, str], step: Mapping[str, Any]) -> dict[str, Any]:
    chosen, old = post.get("rule", "kept"), step.get("rule")
    number = post.get("rule-n", "").strip()
    values: dict[str, Any] = {"order": (step.get("order") or "one_by_one") if post.get("order") else None}
    if chosen == "kept":
        return values
    rule: Any = (int(number) if number.isdecimal() else number or "number") if chosen == "number" else chosen
    return values | {"rule": old if rule == "first" and old is None else rule}
