"""Who owns a process: who may change and publish it, and see all of its requests. Administrators own all of them.

*Process owner* is a role of a person (`Person.is_process_owner`): whoever has it may make processes, which they own
then, and own others that they were named for.
"""

from django.db import transaction
from django.db.models import QuerySet

from placet.accounts.models import Person
from placet.approvals.models import Process


def owned_by(person: Person) -> QuerySet[Process]:
    if person.is_administrator:
        return Process.objects.all()
    return Process.objects.filter(owners=person) if person.is_process_owner else Process.objects.none()


def owns(person: Person, process: Process) -> bool:
    return owned_by(person).filter(pk=process.pk).exists()


def may_make(person: Person) -> bool:
    return person.is_administrator or person.is_process_owner


@transaction.atomic
def add_owner(process: Process, person: Person) -> None:
    """Gives them the role, too."""
    if not person.is_process_owner:
        person.is_process_owner = True
        person.save(update_fields=["is_process_owner"])
    process.owners.add(person)
