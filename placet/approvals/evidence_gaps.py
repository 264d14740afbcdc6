"""Whether requests are gone with their record. Looks; changes nothing."""

from collections.abc import Iterator

from django.db.models import Max

from placet.approvals.models import Counter, Request


def missing() -> Iterator[str]:
    """Numbers are given one after the other, so a request that is gone with its record leaves a gap. In words."""
    counter = Counter.objects.filter(id=1).values_list("last", flat=True).first() or 0
    highest = Request.objects.aggregate(highest=Max("number"))["highest"] or 0
    if highest > counter:
        yield f"There is a request {highest}, and the last number that was given is {counter}"
    if Request.objects.count() == max(counter, highest):
        return
    expected = 1
    for number in Request.objects.order_by("number").values_list("number", flat=True).iterator(1000):
        if number > expected:
            yield _gone(expected, number - 1)
        expected = number + 1
    if counter >= expected:
        yield _gone(expected, counter)


def _gone(first: int, last: int) -> str:
    return f"Request {first} is gone" if first == last else f"Requests {first} to {last} are gone"
