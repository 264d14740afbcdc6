"""People and groups, as far as the key's person sees them on the pages: administrators all of them, everybody else
those whom they could name in a form, and the groups that they are in."""

from typing import Annotated, Any

from django.db.models import Count, Q, QuerySet
from ninja import Path, Router
from pydantic import Field

from placet.accounts.addresses import addresses_by_person
from placet.accounts.choosing import SHORTEST, called
from placet.accounts.models import Group, Person
from placet.api.bodies import Shape
from placet.api.calls import Call
from placet.api.keys import Scope
from placet.api.operation import operation
from placet.api.paging import USUAL_PAGE, Cursor, Limit, Page, rows_of
from placet.api.problems import Problem

router = Router(tags=["People"])

LARGEST_ID = 2**63 - 1
#: Of a person, as a list gives it.
Id = Annotated[int, Path(ge=1, le=LARGEST_ID, description="Of the person.")]
Text = Annotated[str, Field(max_length=200, description="Part of a name or of an address.")]
Key = Annotated[str, Field(max_length=50, description="Key of a group whose members are listed.")]


class PersonDetails(Shape):
    """Somebody. `address`: where mails go; null, where only administrators see it: `addresses`, from which they answer
    too, `manager` (an id) and `groups` (keys)."""

    id: str
    name: str
    address: str
    active: bool
    addresses: list[str] | None
    manager: str | None
    groups: list[str] | None


class People(Page[PersonDetails]):
    """People, the oldest account first."""


class GroupShape(Shape):
    """People who are asked together. `members`: how many of them are active."""

    key: str
    name: str
    members: int


class Groups(Page[GroupShape]):
    """Groups, the oldest first."""


@operation(router, "GET", "/people", Scope.PEOPLE_READ, People, problems=["not-allowed"])
def list_people(
    call: Call, q: Text = "", group: Key = "", limit: Limit = USUAL_PAGE, cursor: Cursor = ""
) -> People:
    """Whoever has `q` in their name or address. Whoever is no administrator looks for somebody, and is not given all:
    `q` has two letters at least, and the members of a group are not listed."""
    visible = _visible(call)
    if not call.person.is_administrator:
        if group:
            raise Problem("not-allowed", "Only administrators see who is in a group.")
        if len(q.strip()) < SHORTEST:
            raise Problem.invalid("query/q", f"Look for {SHORTEST} letters at least.")
    if group:
        visible = visible.filter(approval_groups__key=group)
    if q.strip():
        visible = visible.filter(called(q.strip()))
    rows, following = rows_of(
        call, visible.prefetch_related("approval_groups"), limit, cursor, newest_first=False
    )
    return People(items=_shapes(call, rows), next=following)


@operation(router, "GET", "/people/{id}", Scope.PEOPLE_READ, PersonDetails, problems=["not-found"])
def get_person(call: Call, id: Id) -> PersonDetails:
    """One person."""
    person = _visible(call).filter(pk=id).first()
    if person is None:
        raise Problem("not-found")
    return _shapes(call, [person])[0]


@operation(router, "GET", "/groups", Scope.PEOPLE_READ, Groups)
def list_groups(call: Call, limit: Limit = USUAL_PAGE, cursor: Cursor = "") -> Groups:
    """The groups; of whoever is no administrator those that they are in."""
    rows, following = rows_of(call, _groups(call), limit, cursor, newest_first=False)
    return Groups(items=[_group(one) for one in rows], next=following)


@operation(router, "GET", "/groups/{key}", Scope.PEOPLE_READ, GroupShape, problems=["not-found"])
def get_group(call: Call, key: str) -> GroupShape:
    """One group."""
    group = _groups(call).filter(key=key).first()
    if group is None:
        raise Problem("not-found")
    return _group(group)


def _visible(call: Call) -> QuerySet[Person]:
    return Person.objects.all() if call.person.is_administrator else Person.objects.filter(is_active=True)


def _shapes(call: Call, people: list[Person]) -> list[PersonDetails]:
    sees_all = call.person.is_administrator
    addresses = addresses_by_person(people) if sees_all else {}
    return [
        PersonDetails(
            id=str(one.pk),
            name=one.name,
            address=one.email,
            active=one.is_active,
            addresses=addresses.get(one.pk, []) if sees_all else None,
            manager=str(one.manager_id) if sees_all and one.manager_id is not None else None,
            groups=sorted(group.key for group in one.approval_groups.all()) if sees_all else None,
        )
        for one in people
    ]


def _groups(call: Call) -> Any:
    active = Count("members", filter=Q(members__is_active=True))
    groups = Group.objects.annotate(active=active)
    own = call.person.approval_groups.order_by().values("pk")
    return groups if call.person.is_administrator else groups.filter(pk__in=own)


def _group(group: Any) -> GroupShape:
    """Of a row with the number of its active members."""
    return GroupShape(key=group.key, name=group.name, members=group.active)
