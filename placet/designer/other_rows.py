"""What steps of the other kinds say, and what a step shows of the form, as rows of a form."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from placet.approvals.models import Process
from placet.designer.condition_rows import condition_in, condition_row, sentence
from placet.designer.inputs import GONE, Box, Button, Choices, Row
from placet.designer.reading import items, mapping, words
from placet.designer.surroundings import Surroundings, outcome_keys, outcome_words
from placet.designer.what_rows import key_from

MOST_BRANCHES = 20
FILL, REQUIRE, HIDE = "fill", "require", "hide"


def kind_words(kind: Any) -> str:
    known = {
        "approval": _("approval"),
        "task": _("task"),
        "revise": _("back to the requester"),
        "parallel": _("side by side"),
        "notice": _("notice"),
        "wait": _("wait"),
        "include": _("another process, included"),
        "call": _("another process, called"),
        "end": _("end"),
    }
    return known.get(words(kind), words(kind))


# --- what of the form a step shows ------------------------------------------------------------------------


def form_rows(step: Mapping[str, Any], around: Surroundings) -> tuple[list[Row], str]:
    """Rows, and what no row can show: names with `*`."""
    says = mapping(step.get("form"))
    patterns = [words(name) for names in says.values() for name in items(names)]
    if any("*" in name or name not in around.fields for name in patterns):
        return [], "; ".join(f"{key}: {', '.join(map(words, items(names)))}" for key, names in says.items())
    choices: list[tuple[str, str]] = [("", _("shown")), (HIDE, _("hidden"))]
    if step.get("kind") != "notice":
        choices += [(FILL, _("can be filled in here")), (REQUIRE, _("has to be filled in here"))]
    row = Row(legend=_("What is shown of the form"), place=("form",))
    row.boxes = [
        Box(f"field-{name}", around.label(name), _chosen(name, says), "choice", choices)
        for name in around.fields
    ]
    return ([row] if row.boxes else []), ""


def _chosen(name: str, says: Mapping[str, Any]) -> str:
    for key in (REQUIRE, FILL, HIDE):
        if name in map(words, items(says.get(key))):
            return key
    return ""


def form_in(post: Mapping[str, str], step: Mapping[str, Any], around: Surroundings) -> Any:
    says = mapping(step.get("form"))
    if not any(f"field-{name}" in post for name in around.fields):
        return step.get("form")
    chosen = {name: post.get(f"field-{name}", _chosen(name, says)) for name in around.fields}
    lists = {
        HIDE: [name for name, one in chosen.items() if one == HIDE],
        FILL: [name for name, one in chosen.items() if one in (FILL, REQUIRE)],
        REQUIRE: [name for name, one in chosen.items() if one == REQUIRE],
    }
    form: dict[str, Any] = {}
    for key, names in lists.items():
        if names:
            same = sorted(map(words, items(says.get(key)))) == sorted(names)
            form[key] = says[key] if same else names
    return form or None


# --- more that a step may say -----------------------------------------------------------------------------


def more_rows(key: str, step: Mapping[str, Any], around: Surroundings) -> list[Row]:
    """If nobody can be asked; four eyes; whose answer counts, and how sure it must be."""
    nobody, task = step.get("nobody"), step.get("kind") == "task"
    skip = words(mapping(nobody).get("skip"))
    chosen = "" if nobody in (None, "stuck") else f"skip:{skip}" if skip else "kept"
    choices = [("", _("it is stuck until somebody puts it right"))]
    choices += [
        (f"skip:{one}", _("it is passed over as “{answer}”").format(answer=outcome_words(step, one)))
        for one in outcome_keys(step)
        if one != "expired"
    ]
    if chosen not in dict(choices):
        choices.append((chosen, _("as it is written")))
    row = Row(legend=_("Special cases"))
    row.boxes = [
        Box("nobody", _("If nobody can be asked"), chosen, "choice", choices, place=("nobody",)),
        Box("proof", _("How sure a reply's sender must be"), words(step.get("proof")), "choice",
            proof_choices(words(step.get("proof")), of_step=True), place=("proof",)),
    ]  # fmt: skip
    if not task:
        own = words(step.get("requester_may_decide"))
        row.boxes.append(Box("requester", _("The requester may decide"), own, "choice", yes_or_no()))
    row.boxes.append(
        Box(
            "delegate",
            _("Delegates may answer"),
            words(step.get("delegate")),
            "choice",
            yes_or_no(),
            place=("delegate",),
        )
    )
    apart = [words(one) for one in items(step.get("not_same_as"))]
    for other, one in around.reading.steps.items():
        if other != key and one.get("kind") in ("approval", "task"):
            label = _("Nobody who decided “{step}” decides here").format(step=around.step_name(other))
            row.boxes.append(
                Box(f"apart-{other}", label, "yes" if other in apart else "", "tick", place=("not_same_as",))
            )
    return [row]


def proof_choices(chosen: str, *, of_step: bool) -> Choices:
    """What can be said of how sure a sender must be; with what is chosen, whatever that is."""
    choices = [
        ("colleague", _("a colleague's mail account")),
        ("outside", _("also from outside")),
        ("submitted", _("signed in at our own mail server as themself")),
        ("signed", _("signed by themself (S/MIME, OpenPGP), else on the page")),
        ("page", _("on the page only")),
    ]
    if of_step or chosen != "colleague":
        unsaid = _("as the process says") if of_step else choices.pop(0)[1]
        choices.insert(0, ("", unsaid))
    return choices if chosen in dict(choices) else [*choices, (chosen, chosen)]


def yes_or_no() -> Choices:
    return (("", _("as the process says")), ("yes", _("yes")), ("no", _("no")))


def more_in(
    post: Mapping[str, str], key: str, step: Mapping[str, Any], around: Surroundings
) -> dict[str, Any]:
    if "nobody" not in post:
        return {}
    kind, _colon, outcome = post["nobody"].partition(":")
    nobody = step.get("nobody")
    if kind == "skip":
        nobody = {"skip": outcome}
    elif kind != "kept" and nobody != "stuck":
        nobody = None
    values: dict[str, Any] = {"nobody": nobody, "proof": post.get("proof") or None}
    for name, own in (("requester", "requester_may_decide"), ("delegate", "delegate")):
        if name in post:
            values[own] = {"yes": True, "no": False}.get(post[name])
    offered = [
        one for one, other in around.reading.steps.items() if other.get("kind") in ("approval", "task")
    ]
    before = [words(one) for one in items(step.get("not_same_as"))]
    apart = [one for one in before if one not in offered or post.get(f"apart-{one}")]
    apart += [one for one in offered if post.get(f"apart-{one}") and one not in apart]
    return values | {"not_same_as": apart or None}


# --- blocks -----------------------------------------------------------------------------------------------


def branch_rows(step: Mapping[str, Any], around: Surroundings) -> list[Row]:
    rows = []
    branches = mapping(step.get("branches"))
    for number, (key, branch) in enumerate(branches.items()):
        says, name, place = mapping(branch), f"branch-{number}", ("branches", key)
        row = Row(legend=_("Branch {n}").format(n=number + 1), place=place)
        row.boxes = [
            Box(f"{name}-name", _("Name"), words(says.get("name")), place=(*place, "name"),
                help=_("Empty: that of its first step")),
            Box(f"{name}-start", _("It begins with"), words(says.get("start")), "choice",
                step_choices(around, words(says.get("start"))), place=(*place, "start")),
        ]  # fmt: skip
        row.rows = [condition_row(f"{name}-when", says.get("when"), around, (*place, "when"), _("Only if"))]
        if len(branches) > 2:
            spoken = _("Branch {n}: remove").format(n=number + 1)
            row.buttons = [Button(f"remove:branch:{number}", _("Remove"), spoken, "x-mark")]
        rows.append(row)
    new = Row(legend=_("Another branch"))
    new.boxes = [
        Box(f"branch-{len(branches)}-name", _("Name")),
        Box(f"branch-{len(branches)}-start", _("It begins with"), "", "choice", step_choices(around, "")),
    ]
    return [*rows, new]


def step_choices(around: Surroundings, chosen: str) -> list[tuple[str, str]]:
    choices = [("", "–"), *around.step_names.items()]
    return choices if chosen in dict(choices) else [*choices, (chosen, chosen)]


def branches_in(post: Mapping[str, str], step: Mapping[str, Any], around: Surroundings) -> Any:
    old = list(mapping(step.get("branches")).items())
    branches: dict[str, Any] = {}
    for number in range(MOST_BRANCHES):
        name = f"branch-{number}"
        start = post.get(f"{name}-start")
        if start is None:
            break
        if f"{name}-{GONE}" in post:
            continue
        key, before = old[number] if number < len(old) else ("", {})
        title = post.get(f"{name}-name", "").strip()
        if not key and not start:
            continue
        key = key or key_from(title or start, [*dict(old), *branches], "branch", joint="-")
        branch = {
            one: value for one, value in mapping(before).items() if one not in ("name", "start", "when")
        }
        when = condition_in(post, f"{name}-when", mapping(before).get("when"), around.definition)
        more = {"name": title or None, "start": start, "when": when}
        branches[key] = branch | {one: value for one, value in more.items() if value is not None}
    return branches or None


_SIMPLE = ("any", "all")


def result_rows(step: Mapping[str, Any]) -> list[Row]:
    """What the results of branches come to."""
    lines = items(step.get("result"))
    rows = []
    for number, line in enumerate([*lines, {}]):
        says = {key: value for key, value in mapping(line).items() if key != "cancel"}
        word, needs = next(iter(says.items()), ("", ""))
        name, place = f"result-{number}", ("result", number)
        row = Row(legend=_("Result {n}").format(n=number + 1), place=place)
        if says and words(needs) == "":
            row.kept = f"{word}: {needs}"
            row.boxes = [Box(f"{name}-word", _("Result"), words(word))]
        else:
            row.boxes = _result_boxes(name, place, words(word), words(needs), line)
        if number < len(lines):
            spoken = _("Result {n}: remove").format(n=number + 1)
            row.buttons = [Button(f"remove:result:{number}", _("Remove"), spoken, "x-mark")]
        rows.append(row)
    last = Row(legend=_("Otherwise"), place=("otherwise",))
    last.boxes = [
        Box("otherwise", _("Otherwise it comes to"), words(step.get("otherwise")), place=("otherwise",))
    ]
    return [*rows, last]


def _result_boxes(name: str, place: tuple[str | int, ...], word: str, needs: str, line: Any) -> list[Box]:
    return [
        Box(f"{name}-word", _("The block comes to"), word, place=place),
        Box(f"{name}-needs", _("if so many branches end so: any, all or a number"), needs or "all", width="short"),
        Box(f"{name}-cancel", _("Then the others are not waited for"),
            "yes" if mapping(line).get("cancel") else "", "tick"),
    ]  # fmt: skip


def results_in(post: Mapping[str, str], step: Mapping[str, Any]) -> dict[str, Any]:
    old = items(step.get("result"))
    lines: list[Any] = []
    for number in range(MOST_BRANCHES):
        name = f"result-{number}"
        if f"{name}-word" not in post:
            break
        before = mapping(old[number]) if number < len(old) else {}
        word = post[f"{name}-word"].strip()
        if f"{name}-{GONE}" in post:
            continue
        if f"{name}-needs" not in post:
            lines.append(old[number])
        elif word:
            typed = post[f"{name}-needs"].strip()
            needs: Any = int(typed) if typed.isdecimal() else typed
            cancel = {"cancel": before.get("cancel") or "others"} if post.get(f"{name}-cancel") else {}
            lines.append({word: needs} | cancel)
    return {"result": lines or None, "otherwise": post.get("otherwise", "").strip() or None}


# --- waits, and other processes ---------------------------------------------------------------------------


def wait_rows(step: Mapping[str, Any], around: Surroundings) -> list[Row]:
    row = Row(legend=_("What it waits for"))
    signal = words(step.get("signal"))
    row.boxes = [
        Box("signal", _("Key of a signal from outside"), signal, place=("signal",),
            help=_("Small letters and digits, such as “delivered”. An administrator or a program gives it")),
    ]  # fmt: skip
    row.rows = [condition_row("until", step.get("until"), around, ("until",), _("Until this holds"))]
    return [row]


def wait_in(post: Mapping[str, str], step: Mapping[str, Any], around: Surroundings) -> dict[str, Any]:
    until = condition_in(post, "until", step.get("until"), around.definition)
    return {"signal": post.get("signal", "").strip() or None, "until": until}


def process_rows(step: Mapping[str, Any], around: Surroundings) -> list[Row]:
    chosen = words(step.get("process"))
    known = Process.objects.filter(versions__isnull=False).distinct().order_by("name")
    choices = [("", "–"), *known.exclude(key=around.reading.key).values_list("key", "name")[:200]]
    if chosen not in dict(choices):
        choices.append((chosen, chosen))
    row = Row(legend=_("The other process"))
    row.boxes = [Box("process", _("Process"), chosen, "choice", choices, place=("process",))]
    return [row]


def wait_words(step: Mapping[str, Any], around: Surroundings) -> list[str]:
    sentences = []
    if step.get("signal") is not None:
        sentences.append(_("for the signal “{key}”").format(key=words(step["signal"])))
    if step.get("until") is not None:
        sentences.append(_("until {condition}").format(condition=sentence(step["until"], around.definition)))
    return sentences
