"""What a step of a draft can name: fields, groups, tables, other steps; looked up once for a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from placet.accounts.models import Calendar, Group
from placet.approvals.conditions import Subject, subjects_of
from placet.approvals.definitions import Definition
from placet.approvals.models import AuthorityTable
from placet.approvals.outcomes import in_language
from placet.approvals.steps import NAMES_PEOPLE
from placet.designer.reading import Reading, items, mapping, words
from placet.mailboxes.models import Mailbox

MOST_GROUPS = 100  # that are listed; of more, those that the process names, and others by their key
NO_FIELDS = ("section", "text_block")


@dataclass(frozen=True)
class Surroundings:
    reading: Reading

    @cached_property
    def groups(self) -> dict[str, str]:
        """Names by key."""
        groups = Group.objects.order_by("name").values_list("key", "name")
        listed = dict(groups[: MOST_GROUPS + 1])
        named = dict(groups.filter(key__in=self.definition.groups if self.definition else []))
        return listed if len(listed) <= MOST_GROUPS else named

    @cached_property
    def tables(self) -> dict[str, str]:
        return dict(AuthorityTable.objects.order_by("name").values_list("key", "name"))

    @cached_property
    def calendars(self) -> dict[str, str]:
        return dict(Calendar.objects.order_by("name").values_list("key", "name"))

    @cached_property
    def mailboxes(self) -> list[str]:
        """Addresses, the one that is used by itself first."""
        return list(Mailbox.present.order_by("-active", "pk").values_list("address", flat=True))

    @property
    def definition(self) -> Definition | None:
        return self.reading.definition

    @cached_property
    def subjects(self) -> dict[str, Subject]:
        """What a condition can be about."""
        return subjects_of(self.definition) if self.definition is not None else {}

    @cached_property
    def fields(self) -> dict[str, dict[str, Any]]:
        """What of the form holds something, by name."""
        parts = [mapping(part) for part in items(self.reading.data.get("form"))]
        return {
            words(part.get("name")): part
            for part in parts
            if part.get("type") not in NO_FIELDS and part.get("name")
        }

    def fields_of(self, *types: str) -> dict[str, str]:
        """Labels by name."""
        return {name: self.label(name) for name, part in self.fields.items() if part.get("type") in types}

    @property
    def naming_fields(self) -> dict[str, str]:
        return self.fields_of(*NAMES_PEOPLE)

    def label(self, field: str) -> str:
        return words(self.fields.get(field, {}).get("label")) or field

    @cached_property
    def step_names(self) -> dict[str, str]:
        return {key: words(step.get("name")) or key for key, step in self.reading.steps.items()}

    def step_name(self, key: str) -> str:
        return self.step_names.get(key, key)

    @cached_property
    def naming_questions(self) -> dict[str, str]:
        """Questions of all steps that somebody is named in, by name."""
        asked = [mapping(one) for step in self.reading.steps.values() for one in items(step.get("questions"))]
        return {
            words(one.get("name")): words(one.get("label"))
            for one in asked
            if one.get("type") in ("person", "people") and one.get("name")
        }

    def group_name(self, key: str) -> str:
        return self.groups.get(key, key)


def outcome_keys(step: Mapping[str, Any]) -> list[str]:
    """What a step can come to, whatever else is wrong in it."""
    kind = words(step.get("kind"))
    keys: list[str] = []
    if kind == "approval":
        written = [words(one) or words(mapping(one).get("key")) for one in items(step.get("outcomes"))]
        keys = [one for one in written if one] or ["approve", "reject"]
    elif kind in _ALWAYS:
        keys = [_ALWAYS[kind]]
    elif kind == "parallel":
        lines = [key for line in items(step.get("result")) for key in mapping(line) if key != "cancel"]
        keys = list(dict.fromkeys([*lines, *filter(None, [words(step.get("otherwise"))])]))
    elif kind == "call":
        keys = ["withdrawn"]
    end = step.get("expire")
    if kind in ("approval", "task", "revise") and end is not None:
        keys += [words(mapping(end).get("outcome")) or "expired"]
    if kind == "wait" and step.get("due") is not None and (step.get("until") or step.get("signal")):
        keys += ["expired"]
    return list(dict.fromkeys(keys))


_ALWAYS = {"task": "done", "revise": "revised", "notice": "sent", "wait": "arrived"}


def returning(step: Mapping[str, Any]) -> set[str]:
    """Outcomes that lead back to the requester by themselves."""
    return {
        words(mapping(one).get("key")) for one in items(step.get("outcomes")) if mapping(one).get("returns")
    }


def outcome_words(step: Mapping[str, Any], key: str) -> str:
    """What people read for an outcome."""
    for one in items(step.get("outcomes")):
        label = mapping(one).get("label")
        if mapping(one).get("key") == key and label:
            return label_words(label)
    labels = mapping(step.get("labels")).get(key) if step.get("kind") == "parallel" else None
    return label_words(labels) if labels else known_outcome(key)


def known_outcome(key: str) -> str:
    known = {
        "approve": _("Approve"),
        "reject": _("Reject"),
        "done": _("Done"),
        "revised": _("Revised"),
        "sent": _("told"),
        "arrived": _("it has come"),
        "expired": _("no answer in time"),
        "withdrawn": _("it was withdrawn"),
        "approved": _("approved"),
        "rejected": _("rejected"),
    }
    return known.get(key, key)


def label_words(label: Any) -> str:
    """In the language of whoever looks; what is no label, as it stands."""
    if isinstance(label, dict):
        texts = {code: words(text) for code, text in label.items() if words(text)}
        return in_language(texts) if texts else ""
    return words(label)
