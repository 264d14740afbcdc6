"""Definitions of processes: their form, and every check before one is published.

A definition is data (JSON; YAML is how it travels):

    key, name, title            title: "{item}" - filled from the form
    description                 what it is for, shown where a request is started (may be left out)
    form                        list of {name, label, type, required?, currency?}
    start                       key of the first step
    proof                       colleague | outside | page: how sure a reply's sender must be
    requester_may_decide        false unless said
    steps                       {key: {kind: approval, name, ask, rule, otherwise?, early?, outcomes, proof?,
                                 requester_may_decide?}}; outcomes and rules in modules of their own
                                {key: {kind: end, name, result}}
    transitions                 list of {from, outcome, when?, to}; of those that fit, the first one is taken

A step's kind and a transition's `from` and `to` leave room for other kinds and for several steps at once.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import yaml
from django.conf import settings
from django.db import transaction
from django.utils import formats, timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from placet.approvals.models import Process, Version
from placet.approvals.outcomes import APPROVE, REJECT, Condition, Outcome
from placet.approvals.rules import Line, Rule, as_rule
from placet.lib.conditions import ConditionError, compile_condition, holds

KEY = re.compile(r"[a-z][a-z0-9_-]{0,59}")
Proof = Literal["colleague", "outside", "page"]
OUTCOMES = (Outcome(key=APPROVE), Outcome(key=REJECT))  # where a step says none
LONGEST_TEXT = 200
LONGEST_LONG_TEXT = 10_000
LARGEST_AMOUNT = Decimal(10) ** 12
MOST_DIGITS = 25  # Decimal rounds in silence above 28
SHORTEST_TITLE = 2  # letters or digits: subjects are known again by them
_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"  # the Hangul fillers: letters to Unicode, and nothing to see
_UNKEPT = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL takes no NUL, and UTF-8 no half of a pair


class DefinitionInvalid(ValueError):
    """A definition cannot be published. `problems` has a sentence for each thing to change."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class FormInvalid(ValueError):
    """What was entered does not fit the form: a sentence per field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {error}" for name, error in errors.items()))
        self.errors = dict(errors)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class FormField(_Part):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")
    label: str = Field(min_length=1, max_length=200)
    type: Literal["text", "long_text", "money", "number", "date", "yes_no", "files"]
    required: bool = False
    currency: str = Field("", pattern=r"^([A-Z]{3})?$")


class Who(_Part):
    """One source of people; exactly one of these is given."""

    manager: Literal[True] | None = None  # the requester's
    group: str | None = None  # key of a group
    person: str | None = None  # an address

    @model_validator(mode="after")
    def _one(self) -> "Who":
        if sum(value is not None for value in (self.manager, self.group, self.person)) != 1:
            raise ValueError("say exactly one of manager, group and person")
        return self


def _rule(value: Any) -> Any:
    # true is no number here: YAML reads “yes” as true
    if isinstance(value, list | tuple) or value in ("first", "all") or type(value) is int:
        return value
    raise ValueError("say first, all, or how many people must approve; or a list such as [{approve: all}]")


class ApprovalStep(_Part):
    kind: Literal["approval"]
    name: str = Field(min_length=1, max_length=100)
    ask: tuple[Who, ...] = Field(min_length=1)
    # A number: so many must approve. A list: `placet.approvals.rules`.
    rule: Annotated[Literal["first", "all"] | int | tuple[Line, ...], BeforeValidator(_rule)] = "first"
    otherwise: str | None = None
    early: bool | None = None
    outcomes: tuple[Outcome, ...] = Field(OUTCOMES, min_length=1)
    proof: Proof | None = None
    requester_may_decide: bool | None = None

    @property
    def outcome_keys(self) -> tuple[str, ...]:
        return tuple(outcome.key for outcome in self.outcomes)

    def outcome(self, key: str) -> Outcome:
        """KeyError if it is none of this step."""
        for outcome in self.outcomes:
            if outcome.key == key:
                return outcome
        raise KeyError(key)

    @property
    def decided_by(self) -> Rule:
        return as_rule(self.rule, self.outcome_keys, self.otherwise or "", early=bool(self.early))


class EndStep(_Part):
    kind: Literal["end"]
    name: str = Field(min_length=1, max_length=100)
    result: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")


class Transition(_Part):
    from_: str = Field(alias="from")
    outcome: str
    when: str | None = None
    to: str


class Definition(_Part):
    key: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,49}$")
    name: str = Field(min_length=1, max_length=200)
    title: str = "{key}"
    description: str = Field("", max_length=2000)
    form: tuple[FormField, ...] = ()
    start: str
    proof: Proof = "colleague"
    requester_may_decide: bool = False
    steps: dict[str, Annotated[ApprovalStep | EndStep, Field(discriminator="kind")]]
    transitions: tuple[Transition, ...] = ()

    def approval(self, step_key: str) -> ApprovalStep:
        step = self.steps[step_key]
        if not isinstance(step, ApprovalStep):
            raise TypeError(f"{step_key} is not an approval step")
        return step

    def proof_for(self, step_key: str) -> Proof:
        return self.approval(step_key).proof or self.proof

    def requester_may_decide_in(self, step_key: str) -> bool:
        own = self.approval(step_key).requester_may_decide
        return self.requester_may_decide if own is None else own


def parse_definition(source: str | Mapping[str, Any]) -> Definition:
    """A checked definition, or DefinitionInvalid with every problem."""
    data = _read_yaml(source) if isinstance(source, str) else source
    if not isinstance(data, Mapping):
        raise DefinitionInvalid(["A process is a list of names with values: key, name, start, steps, ..."])
    try:
        definition = Definition.model_validate(data)
    except ValidationError as error:
        raise DefinitionInvalid(
            [
                f"{'.'.join(str(part) for part in e['loc'])}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            ]
        ) from error
    problems = list(_problems(definition))
    if problems:
        raise DefinitionInvalid(problems)
    return definition


class _Loader(yaml.SafeLoader):
    """Where YAML would let the last of two equal names win in silence, this says so."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names: set[str] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in names:
                raise yaml.constructor.ConstructorError(
                    None, None, f"“{key.value}” is said twice", key.start_mark
                )
            names.add(str(key.value))
        return super().construct_mapping(node, deep)


def _read_yaml(source: str) -> Any:
    try:
        return yaml.load(source, _Loader)  # noqa: S506 - a SafeLoader: plain values only
    except yaml.YAMLError as error:
        raise DefinitionInvalid([f"This is not YAML: {error}"]) from error
    except RecursionError as error:
        raise DefinitionInvalid(["This is not YAML that a person wrote: it nests too deep."]) from error
    except (ValueError, LookupError, AttributeError) as error:
        # PyYAML's own, for a value that is not what it looks like: a date of 2026-99-99, a tag !!int on a word.
        raise DefinitionInvalid([f"A value in this YAML cannot be read: {error}"]) from error


def _problems(definition: Definition) -> list[str]:
    problems: list[str] = []
    steps = definition.steps
    problems += [
        f"steps: “{key}” is not a key (a-z, 0-9, - and _)" for key in steps if not KEY.fullmatch(key)
    ]
    names = [field.name for field in definition.form]
    problems += [f"form: two fields are called {name}" for name in {n for n in names if names.count(n) > 1}]
    problems += [
        f"form: {f.name} needs a currency" for f in definition.form if f.type == "money" and not f.currency
    ]
    if definition.start not in steps:
        problems.append(f"start: there is no step {definition.start}")
    places = [name for name in _PLACE.findall(definition.title) if name in names]
    if not places and len(letters(title_of(definition, {}))) < SHORTEST_TITLE:
        problems.append(
            f"title: it needs at least {SHORTEST_TITLE} letters or digits, or a field of the form"
        )
    sample = condition_values(definition, sample_data(definition))
    for key, step in steps.items():
        if isinstance(step, ApprovalStep):
            problems += _step_problems(definition, key, step, sample)
    for number, transition in enumerate(definition.transitions, start=1):
        problems += _transition_problems(definition, number, transition, sample)
    if not problems:
        problems += _reach_problems(definition)
    return problems


def _step_problems(definition: Definition, key: str, step: ApprovalStep, sample: dict[str, Any]) -> list[str]:
    keys = step.outcome_keys
    problems = [
        f"steps.{key}: {outcome} is said twice"
        for outcome in sorted({one for one in keys if keys.count(one) > 1})
    ]
    problems += [f"steps.{key}: {problem}" for problem in _rule_problems(step)]
    if not problems:
        problems += [f"steps.{key}: {problem}" for problem in _words_problems(step)]
    for one in step.outcomes:
        if isinstance(one.comment, Condition):
            problem = _condition_problem(one.comment.when, sample)
            problems += [f"steps.{key}: {one.key}: {problem}"] if problem else []
    for outcome in keys:
        ways = [t for t in definition.transitions if t.from_ == key and t.outcome == outcome]
        if not ways:
            problems.append(f"steps.{key}: nothing follows {outcome}")
        elif ways[-1].when is not None:
            problems.append(
                f"steps.{key}: what if no condition holds on {outcome}? End with a way that has none"
            )
        if any(t.when is None for t in ways[:-1]):
            problems.append(
                f"steps.{key}: on {outcome}, ways after the one without a condition are never taken"
            )
    return problems


def _rule_problems(step: ApprovalStep) -> Iterator[str]:
    if isinstance(step.rule, int) and step.rule < 1:
        yield "at least one person must answer"
    if step.rule != "first" and not isinstance(step.rule, tuple) and {*step.outcome_keys} - {APPROVE, REJECT}:
        yield f"rule {step.rule} is about approving; with other outcomes say for each what it needs, in a list"
    if not isinstance(step.rule, tuple):
        if step.otherwise is not None or step.early is not None:
            yield f"otherwise and early belong to a rule that is a list, not to {step.rule}"
        return
    named = [line.outcome for line in step.rule]
    yield from (
        f"the rule names {one}, which is no outcome here" for one in named if one not in step.outcome_keys
    )
    yield from (
        f"the rule names {one} twice" for one in sorted({one for one in named if named.count(one) > 1})
    )
    yield from (f"the rule does not say what {one} needs" for one in step.outcome_keys if one not in named)
    if step.otherwise is None:
        yield "what if no line of the rule holds in the end? Say otherwise: with an outcome"
    elif step.otherwise not in step.outcome_keys:
        yield f"otherwise: {step.otherwise} is no outcome here"


def _words_problems(step: ApprovalStep) -> list[str]:
    """Answers that a reply could not give: the reader knows other words better than the author of a process can."""
    if not any(outcome.reply_words for outcome in step.outcomes):
        return []
    problems: list[str] = import_string(settings.CHECK_WORDS)(step)
    return problems


def _condition_problem(condition: str, sample: dict[str, Any]) -> str:
    try:
        compile_condition(condition)
        holds(condition, sample)
    except ConditionError as error:
        return str(error)
    return ""


def _transition_problems(
    definition: Definition, number: int, transition: Transition, sample: dict[str, Any]
) -> list[str]:
    where = f"transitions, number {number}"
    problems = []
    start = definition.steps.get(transition.from_)
    if not isinstance(start, ApprovalStep):
        problems.append(f"{where}: there is no approval step {transition.from_}")
    elif transition.outcome not in start.outcome_keys:
        problems.append(f"{where}: {transition.from_} has no outcome {transition.outcome}")
    if transition.to not in definition.steps:
        problems.append(f"{where}: there is no step {transition.to}")
    problem = "" if transition.when is None else _condition_problem(transition.when, sample)
    return [*problems, f"{where}: {problem}"] if problem else problems


def _reach_problems(definition: Definition) -> list[str]:
    onward: dict[str, set[str]] = {key: set() for key in definition.steps}
    for transition in definition.transitions:
        onward[transition.from_].add(transition.to)
    reached, waiting = {definition.start}, [definition.start]
    while waiting:
        new = onward[waiting.pop()] - reached
        reached |= new
        waiting += new
    problems = [f"steps.{key}: no way leads here" for key in definition.steps if key not in reached]
    if not any(isinstance(definition.steps[key], EndStep) for key in reached):
        problems.append("steps: the process never ends")
    return problems


# --- the form ---------------------------------------------------------------------------------------------


def read_form(
    definition: Definition, entered: Mapping[str, Any], files: Mapping[str, Sequence[Mapping[str, Any]]] = {}
) -> dict[str, Any]:
    """What is stored of a filled form (JSON; money as {"minor", "currency"}, files as a list of {"id", "name",
    "size", "sha256"}), or FormInvalid. `files`: those of each field, as `placet.approvals.attachments` kept them."""
    data: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in definition.form:
        value = entered.get(field.name)
        if field.type == "files":
            value = data[field.name] = [dict(file) for file in files.get(field.name, ())] or None
            if field.required and value is None:
                errors[field.name] = _("Please add a file.")
            continue
        text = "" if value is None else str(value).strip()
        if not text:
            if field.required:
                errors[field.name] = _("Please fill this in.")
            data[field.name] = False if field.type == "yes_no" else None
            continue
        try:
            data[field.name] = _READERS[field.type](text, field)
        except ValueError as error:
            errors[field.name] = str(error)
    for name in set(entered) - {field.name for field in definition.form}:
        errors[name] = _("This form has no such field.")
    if not errors and len(letters(title_of(definition, data))) < SHORTEST_TITLE:
        blamed = [field.name for field in definition.form if field.name in _PLACE.findall(definition.title)]
        said = _("At least {number} letters or digits, please: this is what the request is called.")
        errors = dict.fromkeys(blamed or ["title"], said.format(number=SHORTEST_TITLE))
    if errors:
        raise FormInvalid(errors)
    return data


def letters(text: str) -> str:
    """Letters and digits alone, in one form and in lower case (Unicode NFKC): what is left of a title in a subject
    that mail programs folded, shortened and encoded anew."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in folded if sign.isalnum() and sign not in _BLANK_LETTERS)


def _read_text(text: str, field: FormField) -> str:
    longest = LONGEST_TEXT if field.type == "text" else LONGEST_LONG_TEXT
    if len(text) > longest:
        raise ValueError(_("At most {number} characters, please.").format(number=longest))
    if _UNKEPT.search(text):
        raise ValueError(_("This text holds a character that cannot be kept."))
    if field.type == "text" and len(text.splitlines()) > 1:
        raise ValueError(_("One line only, please."))
    return text


def _read_decimal(text: str) -> Decimal:
    # Spaces and apostrophes group. So do commas before every third digit (but in 0,125 it is the decimal point),
    # and points, if a comma follows them. Any other single comma is the decimal point.
    compact = re.sub(r"[\s'\u2019\u00a0\u202f]", "", text)
    if len(compact) > MOST_DIGITS:
        raise ValueError(_("This number has too many digits."))
    if re.fullmatch(r"-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", compact):
        compact = compact.replace(",", "")
    elif re.fullmatch(r"-?\d{1,3}(\.\d{3})+,\d+", compact):
        compact = compact.replace(".", "").replace(",", ".")
    elif compact.count(",") == 1 and "." not in compact:
        compact = compact.replace(",", ".")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", compact):
        raise ValueError(_("Please write a number, such as 1250.00."))
    number = Decimal(compact)
    if abs(number) > LARGEST_AMOUNT:
        raise ValueError(_("This number is too large."))
    return number


def _read_money(text: str, field: FormField) -> dict[str, Any]:
    number, digits = _read_decimal(text), minor_digits(field.currency)
    # Written digits count, zeros too: somebody's 1.250 is a thousand, and not to be taken for 1.25.
    written = -int(number.as_tuple().exponent)
    if written > digits:
        said = ngettext(
            "At most {number} digit after the point, please. Write a thousand as 1000 or 1,000.",
            "At most {number} digits after the point, please. Write a thousand as 1000 or 1,000.",
            digits,
        )
        raise ValueError(said.format(number=digits))
    if number < 0:
        raise ValueError(_("An amount cannot be negative."))
    return {"minor": int(number.scaleb(digits)), "currency": field.currency}


def _read_number(text: str, field: FormField) -> float | int:
    number = _read_decimal(text)
    return int(number) if number == number.to_integral_value() else float(number)


def _read_date(text: str, field: FormField) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(_("Please write a date as 2026-12-31.")) from error


def _read_yes_no(text: str, field: FormField) -> bool:
    if text.lower() not in _YES | _NO:
        raise ValueError(_("Please answer yes or no."))
    return text.lower() in _YES


_YES = frozenset({"on", "yes", "true", "1"})
_NO = frozenset({"off", "no", "false", "0"})
_READERS = {
    "text": _read_text,
    "long_text": _read_text,
    "money": _read_money,
    "number": _read_number,
    "date": _read_date,
    "yes_no": _read_yes_no,
}


def minor_digits(currency: str) -> int:
    """Digits after the point (ISO 4217); the currencies that do not have two."""
    if currency in {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }:
        return 0
    return 3 if currency in {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"} else 2


def sample_data(definition: Definition) -> dict[str, Any]:
    """Values of the right types, to try conditions with before anybody depends on them."""
    samples: dict[str, Any] = {
        "text": "x",
        "long_text": "x",
        "number": 1,
        "date": "2026-01-01",
        "yes_no": True,
        "files": [{"id": "", "name": "x", "size": 1, "sha256": ""}],
    }
    return {
        field.name: {"minor": 100, "currency": field.currency}
        if field.type == "money"
        else samples[field.type]
        for field in definition.form
    }


def condition_values(definition: Definition, data: Mapping[str, Any]) -> dict[str, Any]:
    """The form's fields as conditions see them: money and numbers as doubles, what is empty as zero or "", and
    files as their number."""
    values: dict[str, Any] = {}
    for field in definition.form:
        value = data.get(field.name)
        if field.type == "money":
            digits = minor_digits(field.currency)
            values[field.name] = (value["minor"] if value else 0) / 10**digits
        elif field.type == "number":
            values[field.name] = float(value or 0)
        elif field.type == "yes_no":
            values[field.name] = bool(value)
        elif field.type == "files":
            values[field.name] = float(len(value or ()))
        else:
            values[field.name] = value or ""
    return values


@dataclass(frozen=True)
class Fact:
    """One line of what an approver is shown. `files`: those that stand behind the text, if it is about files."""

    label: str
    text: str
    files: Sequence[Mapping[str, Any]] = ()


def facts(definition: Definition, data: Mapping[str, Any]) -> list[Fact]:
    """What an approver is shown of a request, in the order of the form. The same for everybody and for ever: an
    answer counts for exactly this."""
    return [
        Fact(f.label, show_value(f, data.get(f.name)), tuple(data[f.name]) if f.type == "files" else ())
        for f in definition.form
        if data.get(f.name) is not None
    ]


def facts_as_read(definition: Definition, data: Mapping[str, Any]) -> list[Fact]:
    """The same as the reader reads it: amounts, dates, yes and no are written differently from language to language."""
    return [
        replace(fact, text=_as_read(field, data[field.name]))
        for field, fact in zip(
            [field for field in definition.form if data.get(field.name) is not None],
            facts(definition, data),
            strict=True,
        )
    ]


def _as_read(field: FormField, value: Any) -> str:
    if field.type == "money":
        digits = minor_digits(value["currency"])
        amount = Decimal(value["minor"]).scaleb(-digits)
        return (
            f"{formats.number_format(amount, digits, use_l10n=True, force_grouping=True)} {value['currency']}"
        )
    if field.type == "number":
        return formats.number_format(value, use_l10n=True)
    if field.type == "date":
        return formats.date_format(date.fromisoformat(value), "j F Y")
    if field.type == "yes_no":
        return str(_YES_OR_NO[bool(value)])
    if field.type == "files":
        return "\n".join(f"{file['name']} ({size_as_read(file['size'])})" for file in value)
    return show_value(field, value)


_YES_OR_NO = {True: gettext_lazy("yes"), False: gettext_lazy("no")}


def show_value(field: FormField, value: Any) -> str:
    if value is None:
        return ""
    if field.type == "money":
        digits = minor_digits(value["currency"])
        return f"{Decimal(value['minor']).scaleb(-digits):,.{digits}f} {value['currency']}"
    if field.type == "files":
        return "\n".join(f"{file['name']} ({size_in_words(file['size'])})" for file in value)
    if field.type == "yes_no":
        return "yes" if value else "no"
    return str(value)


def size_in_words(size: int) -> str:
    """Of a file: "820 bytes", "14 kB", "1.2 MB". The same for everybody and for ever, as facts are."""
    if size < 1000:
        return "1 byte" if size == 1 else f"{size} bytes"
    return f"{size / 1000:.0f} kB" if size < 999_500 else f"{size / 1_000_000:.1f} MB"


def size_as_read(size: int) -> str:
    """The same as the reader writes it: "820 octets", "14 ko", "1,2 Mo"."""
    if size < 1000:
        return ngettext("{n} byte", "{n} bytes", size).format(n=size)
    if size < 999_500:
        return _("{n} kB").format(n=f"{size / 1000:.0f}")
    return _("{n} MB").format(n=formats.number_format(f"{size / 1_000_000:.1f}", use_l10n=True))


def title_of(definition: Definition, data: Mapping[str, Any]) -> str:
    """The request's title. Only plain `{field}` places are filled: a form cannot reach into objects."""
    shown = {field.name: show_value(field, data.get(field.name)) for field in definition.form}
    title = _PLACE.sub(lambda place: shown.get(place[1], ""), definition.title)
    return " ".join(title.split())[:200] or definition.name


# --- publishing -------------------------------------------------------------------------------------------


@transaction.atomic
def publish(source: str | Mapping[str, Any]) -> Version:
    """Check a definition and make it the process's newest version. Requests that run keep theirs."""
    definition = parse_definition(source)
    process, _ = Process.objects.select_for_update().get_or_create(
        key=definition.key, defaults={"name": definition.name}
    )
    if process.name != definition.name:
        process.name = definition.name
        process.save(update_fields=["name"])
    last = process.versions.order_by("-number").first()
    return Version.objects.create(
        process=process,
        number=last.number + 1 if last else 1,
        definition=definition.model_dump(mode="json", by_alias=True, exclude_none=True),
        published_at=timezone.now(),
    )


def newest(process: Process) -> Version | None:
    """The version that new requests run on."""
    return process.versions.filter(published_at__isnull=False).order_by("-number").first()


def definition_of(version: Version) -> Definition:
    return Definition.model_validate(version.definition)
