"""Approvals without a process: a caller says who decides what, and that is asked like any other request.

Each call runs on a version of a process that belongs to the caller (`Process.asked_by`), made of what the call says
(`ad_hoc_definition`); calls that say the same but for titles, values and people share one, which a constraint holds. So
mails, answers, deadlines, the record, pages and reports know of nothing new. People do not start such a process, write
it, or call it from another one; it can be retired, and its caller asks nothing more then.
"""

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from placet.accounts.addresses import normal, people_at
from placet.accounts.models import Group, Person
from placet.accounts.reader import as_the_installation_reads
from placet.approvals import call_keys, engine
from placet.approvals.ad_hoc_definition import (
    Call,
    Errors,
    Made,
    definition_of_call,
    problems_of_call,
)
from placet.approvals.attachments import NewFile
from placet.approvals.form import FormInvalid
from placet.approvals.installation_record import note_version
from placet.approvals.models import Process, Request, Version, Visit
from placet.approvals.processes import DefinitionInvalid, parse_definition
from placet.approvals.steps import Proof
from placet.lib.canonical import digest

FLOOR: Proof = "colleague"  # the weakest proof that a caller may ask for, where their key says nothing else


class CallInvalid(ValueError):
    """What was called cannot be asked: sentences by JSON pointer into it."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{place}: {error}" for place, error in errors.items()))
        self.errors = dict(errors)


@transaction.atomic
def ask(
    call: Call,
    caller: Person,
    requester: Person | None = None,
    *,
    floor: Proof = FLOOR,
    files: Sequence[NewFile] = (),
    key: str = "",
) -> Request:
    """A new request, whose people are asked. `requester`: in whose name; None: the caller. `files`: of the field FILES;
    `key`: the public part of the key of the API. CallInvalid, and nothing was written; `engine_errors.ProcessRetired`
    where the caller may ask nothing more."""
    requester = requester or caller
    errors = problems_of_call(call, floor)
    errors = _people_problems(call, {caller.pk, requester.pk}) | errors
    if errors:
        raise CallInvalid(errors)
    process = _process_of(caller)
    with as_the_installation_reads():
        made = definition_of_call(call, process.key, floor, has_files=bool(files))
    version = _version_of(process, made, caller)
    try:
        request = engine.start(
            version,
            requester,
            made.entered,
            title=" ".join(call.title.split()),
            files=files,
            by=caller,
            key=key,
        )
    except FormInvalid as error:
        raise CallInvalid(
            {made.places.get(name, "/facts"): sentence for name, sentence in error.errors.items()}
        ) from error
    stuck = request.visits.filter(state=Visit.State.STUCK).first()
    if stuck is not None:
        raise CallInvalid({"": f"{stuck.reason_as_read}."})
    return request


# --- who is asked -----------------------------------------------------------------------------------------


def _people_problems(call: Call, barred: set[int]) -> Errors:
    """`barred`: ids of those who cannot decide what they ask."""
    if call.group:
        return _group_problems(call, barred)
    by_address = people_at(call.to[:100])
    errors: Errors = {}
    for number, address in enumerate(call.to[:100]):
        person = by_address.get(normal(address))
        if person is None or not person.is_active:
            errors[f"/to/{number}"] = _("There is nobody with the address {address}.").format(address=address)
        elif person.pk in barred:
            errors[f"/to/{number}"] = _("Whoever asks for something does not decide it.")
    there = len({person.pk for person in by_address.values()})
    if not errors and isinstance(call.rule, int) and call.rule > there:
        errors["/rule"] = _enough(call.rule, there)
    return errors


def _group_problems(call: Call, barred: set[int]) -> Errors:
    group = Group.objects.filter(key=call.group).first()
    if group is None:
        return {"/to/group": _("There is no group {group}.").format(group=call.group[:100])}
    there = group.members.filter(is_active=True).exclude(pk__in=barred).count()
    if not there:
        return {"/to/group": _("Nobody in this group can be asked.")}
    if isinstance(call.rule, int) and call.rule > there:
        return {"/rule": _enough(call.rule, there)}
    return {}


def _enough(needed: int, there: int) -> str:
    return _("{needed} have to answer alike, but only {there} can be asked.").format(
        needed=needed, there=there
    )


# --- its version ------------------------------------------------------------------------------------------


def _process_of(caller: Person) -> Process:
    """The process that a caller asks by; made at the first call."""
    with as_the_installation_reads():
        name = _("Approvals asked by {name}").format(name=caller.name)[:200]
    process, _is_new = Process.objects.get_or_create(
        asked_by=caller, defaults={"key": call_keys.key_for(caller), "name": name}
    )
    if process.name != name:  # the caller is called otherwise since
        process.name = name
        process.save(update_fields=["name"])
    return process


def _version_of(process: Process, made: Made, caller: Person) -> Version:
    """The one that an earlier call made, or a new one, or CallInvalid."""
    call_digest = digest(made.definition)
    known = process.versions.filter(call_digest=call_digest)
    if (version := known.select_related("process").first()) is not None:
        return version
    try:
        definition = parse_definition(made.definition, by_call=True)
    except DefinitionInvalid as error:
        raise CallInvalid(_placed(error.problems, made)) from error
    locked = Process.objects.select_for_update().get(pk=process.pk)
    if (version := known.select_related("process").first()) is not None:  # of a call at the same time
        return version
    last = locked.versions.order_by("-number").values_list("number", flat=True).first()
    version = Version.objects.create(
        process=locked,
        number=(last or 0) + 1,
        definition=definition.model_dump(mode="json", by_alias=True, exclude_none=True),
        published_by=caller,
        call_digest=call_digest,
    )
    note_version(version)
    return version


def _placed(problems: Sequence[str], made: Made) -> Errors:
    """What the checks of a definition say, by where it stands in the call."""
    errors: Errors = {}
    for problem in problems:
        _place, _colon, sentence = problem.partition(": ")
        key, _colon, rest = sentence.partition(": ")
        if key in made.outcomes:
            place, sentence = f"/outcomes/{made.outcomes.index(key)}", rest
        else:
            place = "/rule" if "rule" in sentence else "/outcomes"
        errors.setdefault(place, sentence)
    return errors
