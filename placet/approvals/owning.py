"""Who owns a process: who may change and publish it, and see all of its requests. Administrators own all of them.

*Process owner* is a role of a person (`Person.is_process_owner`): whoever has it may make processes, which they own
then, and own others that they were named for.
"""

from django.db import transaction
from django.db.models import QuerySet

from placet.accounts.models import Person
from placet.approvals.installation_record import OWNER_ADDED, OWNER_REMOVED, note
from placet.approvals.models import Process, Request, Version


def owned_by(person: Person) -> QuerySet[Process]:
    if person.is_administrator:
        return Process.objects.all()
    return Process.objects.filter(owners=person) if person.is_process_owner else Process.objects.none()


def owns(person: Person, process: Process) -> bool:
    return owned_by(person).filter(pk=process.pk).exists()


def may_make(person: Person) -> bool:
    return person.is_administrator or person.is_process_owner


@transaction.atomic
def add_owner(process: Process, person: Person, by: Person | None = None) -> None:
    """Gives them the role, too, which the record says. `by`: None at the command line."""
    locked = _locked(process)
    without_role = Person.objects.filter(pk=person.pk, is_process_owner=False)
    role_given = bool(without_role.update(is_process_owner=True))
    person.is_process_owner = True
    if role_given or not locked.owners.filter(pk=person.pk).exists():
        locked.owners.add(person)
        note(by, OWNER_ADDED, process, person=person.pk, role_given=role_given)


@transaction.atomic
def remove_owner(process: Process, person: Person, by: Person | None = None) -> None:
    """Takes the process from them, and at once the sight of its requests; the role stays. Where nobody is left,
    administrators remain."""
    if _locked(process).owners.filter(pk=person.pk).exists():
        process.owners.remove(person)
        note(by, OWNER_REMOVED, process, person=person.pk)


def _locked(process: Process) -> Process:
    """For the caller's transaction alone: who comes second sees what the first one did."""
    return Process.objects.select_for_update().get(pk=process.pk)


def owned_versions(person: Person) -> list[int]:
    """Ids of the versions of the processes that somebody was named for: few, and read first, so that no query about
    requests has to join owners. Of an administrator, who needs no names, only those they were named for, too."""
    if not person.is_process_owner:
        return []
    return list(Version.objects.filter(process__owners=person).values_list("pk", flat=True))


def sees_all_of(person: Person, request: Request) -> bool:
    """Whether nothing of a request is hidden from them, whoever was asked what."""
    if person.is_administrator:
        return True
    return person.is_process_owner and request.version.process.owners.filter(pk=person.pk).exists()
