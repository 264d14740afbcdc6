"""What is measured of a picture: whether boxes, ways and labels keep out of each other's way, and how often ways cross.

Ways from one step, and ways to one step, run together, as people draw them: they are no crossing, and may lie on each
other. All else may touch nowhere but where two ways cross at a right angle.
"""

from collections.abc import Iterator
from itertools import combinations, pairwise

from placet.approvals.picture_layout import Block, Box, Layout, Point, Station, Way

Part = tuple[Point, Point]  # a level or upright part of a way


def faults_of(layout: Layout) -> list[str]:
    """Whatever lies on something else, sticks out of the picture, or goes aslant."""
    return [
        *_boxes_that_overlap(layout),
        *_ways_through_boxes(layout),
        *_labels_that_overlap(layout),
        *_ways_on_each_other(layout),
        *_out_of_the_picture(layout),
        *_ways_that_end_nowhere(layout),
    ]


def crossings_of(layout: Layout) -> list[str]:
    return [
        f"{one.source}→{one.target} × {other.source}→{other.target}"
        for one, other in combinations(layout.ways, 2)
        if _are_apart(one, other) and any(_cross(a, b) for a in parts_of(one) for b in parts_of(other))
    ]


def parts_of(way: Way) -> list[Part]:
    return list(pairwise(way.points))


def _are_apart(one: Way, other: Way) -> bool:
    return one.source != other.source and one.target != other.target


def _boxes_that_overlap(layout: Layout) -> Iterator[str]:
    drawn: list[Station | Block] = [*layout.stations, *layout.blocks]
    for one, other in combinations(drawn, 2):
        if _overlap(one.box, other.box) and not (_is_in(one, other) or _is_in(other, one)):
            yield f"{one.key} lies on {other.key}"
    for block in layout.blocks:
        for area, beside in combinations(block.branches, 2):
            if _overlap(area.box, beside.box):
                yield f"branches {area.key} and {beside.key} of {block.key} lie on each other"


def _is_in(one: Station | Block, other: Station | Block) -> bool:
    """Whether it stands in a branch of a block, and well inside."""
    return isinstance(other, Block) and any(_holds(branch.box, one.box) for branch in other.branches)


def _holds(outer: Box, inner: Box) -> bool:
    return (
        outer.x < inner.x and outer.y < inner.y and inner.right < outer.right and inner.bottom < outer.bottom
    )


def _overlap(one: Box, other: Box) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def _goes_through(part: Part, box: Box) -> bool:
    """Inside of its edges: a way ends on them."""
    (x1, y1), (x2, y2) = part
    return (
        max(x1, x2) > box.x and min(x1, x2) < box.right and max(y1, y2) > box.y and min(y1, y2) < box.bottom
    )


def _ways_through_boxes(layout: Layout) -> Iterator[str]:
    for way in layout.ways:
        for part in parts_of(way):
            for station in layout.stations:
                if _goes_through(part, station.box):
                    yield f"{way.source}→{way.target} goes through {station.key}"
            for block in layout.blocks:
                inside = block.key == way.source and way.points[0][1] < block.box.bottom  # into a branch
                is_within = any(
                    _holds_point(branch.box, point) for branch in block.branches for point in part
                )
                if _goes_through(part, block.box) and not inside and not is_within:
                    yield f"{way.source}→{way.target} goes through the block {block.key}"


def _holds_point(box: Box, point: Point) -> bool:
    return box.x < point[0] < box.right and box.y < point[1] < box.bottom


def _labels_that_overlap(layout: Layout) -> Iterator[str]:
    labels = [(way, way.label) for way in layout.ways if way.label is not None]
    for way, label in labels:
        for station in layout.stations:
            if _overlap(label.box, station.box):
                yield f"“{label.lines}” lies on {station.key}"
        for block in layout.blocks:
            if _overlap(label.box, block.box) and not any(
                _holds(one.box, label.box) for one in block.branches
            ):
                yield f"“{label.lines}” lies on the edge of {block.key}"
        for other in layout.ways:
            if other is not way and any(_goes_through(part, label.box) for part in parts_of(other)):
                yield f"{other.source}→{other.target} goes through “{label.lines}”"
    for (_one_way, one), (_other_way, other_label) in combinations(labels, 2):
        if _overlap(one.box, other_label.box):
            yield f"“{one.lines}” lies on “{other_label.lines}”"


def _ways_on_each_other(layout: Layout) -> Iterator[str]:
    for one, other in combinations(layout.ways, 2):
        if _are_apart(one, other) and any(
            _lie_on_each_other(a, b) for a in parts_of(one) for b in parts_of(other)
        ):
            yield f"{one.source}→{one.target} lies on {other.source}→{other.target}"


def _lie_on_each_other(one: Part, other: Part) -> bool:
    for level in (0, 1):  # upright ones, then level ones
        if len({point[level] for point in (*one, *other)}) == 1:
            first, second = sorted(p[1 - level] for p in one), sorted(p[1 - level] for p in other)
            return first[0] < second[1] and second[0] < first[1]
    return False


def _cross(one: Part, other: Part) -> bool:
    """At a right angle, and not at an end of either."""
    for level, upright in ((one, other), (other, one)):
        if level[0][1] == level[1][1] and upright[0][0] == upright[1][0]:
            xs, ys = sorted(point[0] for point in level), sorted(point[1] for point in upright)
            return xs[0] < upright[0][0] < xs[1] and ys[0] < level[0][1] < ys[1]
    return False


def _out_of_the_picture(layout: Layout) -> Iterator[str]:
    whole = Box(0, 0, layout.width, layout.height)
    for station in layout.stations:
        if not _holds(whole, station.box):
            yield f"{station.key} sticks out"
    for way in layout.ways:
        if way.label is not None and not _holds(whole, way.label.box):
            yield f"“{way.label.lines}” sticks out"
        for (x1, y1), (x2, y2) in parts_of(way):
            if x1 != x2 and y1 != y2:
                yield f"{way.source}→{way.target} goes aslant"
        if any(not _holds_point(whole, point) for point in way.points):
            yield f"{way.source}→{way.target} leaves the picture"


def _ways_that_end_nowhere(layout: Layout) -> Iterator[str]:
    """Every line begins and ends on the edge of what it joins."""
    boxes = layout.boxes
    for way in layout.ways:
        if way.has_head and not _is_on_edge(way.points[-1], boxes[way.target]):
            yield f"{way.source}→{way.target} does not end at it"
        if not _is_on_edge(way.points[0], boxes[way.source]) and not _is_entry(way, boxes):
            yield f"{way.source}→{way.target} does not begin at it"


def _is_entry(way: Way, boxes: dict[str, Box]) -> bool:
    return _holds(boxes[way.source], boxes[way.target])


def _is_on_edge(point: Point, box: Box) -> bool:
    x, y = point
    return (y in (box.y, box.bottom) and box.x <= x <= box.right) or (
        x in (box.x, box.right) and box.y <= y <= box.bottom
    )
