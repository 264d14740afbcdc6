"""The file: XPDL 1.0 as WorkflowGen exports it, read as plain values.

Whoever uploads one may have got it from anywhere. So it is bounded in size, depth, elements and attributes before it
means anything; a document type, which is where entities are declared, is refused; and nothing is fetched.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, repeat
from typing import TypeVar

from django.utils.translation import gettext as _
from lxml import etree

from placet.workflowgen.texts import one_line, word_set

LARGEST = 8 * 1024 * 1024  # bytes; real ones have up to 0.2 MB
DEEPEST = 60  # real ones nest about 15 deep
MOST_ELEMENTS = 60_000  # real ones have up to 5,000
MOST_ATTRIBUTES = 40  # of one element
MOST_ACTIVITIES = 90  # a process here has at most 100 steps
MOST_WAYS = 600
MOST_PARAMETERS = 600  # of one action
LONGEST_NAME = 250  # characters of an id
LONGEST_VALUE = 4000  # characters of a parameter or a condition
_PIECE = 64 * 1024
_NOTIFIES_LATE = "NotifyDelay"
_PROLOG = re.compile(rb"(?:\s|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
#: In which a `<` is the byte `<`, so that a document type cannot hide.
_ENCODINGS = word_set(
    "utf-8 utf8 us-ascii ascii iso-8859-1 iso-8859-15 latin1 windows-1252 cp1252 cp437 ibm437",
)
_UTF16_BYTES = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}  # of a “<” without a mark before it
_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\xef\xbb\xbf": "utf-8"}


class FileInvalid(ValueError):
    """Nothing of a file can be read; the message says what to do."""


@dataclass(frozen=True)
class DataField:
    key: str
    label: str
    type: str  # STRING, FLOAT, DATETIME, File
    initial: str = ""
    culture: str = ""  # such as fr-FR: of amounts
    format: str = ""  # such as {0:C}
    form: str | None = None  # base64 of the HTML, where it is the form itself


@dataclass(frozen=True)
class Participant:
    key: str
    label: str
    role: str  # ACTOR, REQUESTER, SUPERVISOR
    users: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """What an action hands to its form, or takes from it: `formal` is the form's name for it, `actual` a data field, a
    macro or a text."""

    formal: str
    actual: str
    mode: str  # IN, OUT, INOUT
    is_whole: bool = True  # whether all of `actual` was read

    @property
    def is_taken(self) -> bool:
        return self.mode in ("OUT", "INOUT")


@dataclass(frozen=True)
class Activity:
    key: str
    label: str
    performer: str = ""
    assign: str = ""
    application: str = ""  # class of what it runs: EFORMASPX, SENDHTTPPOST
    parameters: tuple[Parameter, ...] = ()
    changes: tuple[str, ...] = ()  # data fields that what it runs may fill in
    is_route: bool = False
    calls: str = ""  # the process that it runs as a part of this one
    help: str = ""
    split: str = ""  # AND, XOR
    refs: tuple[str, ...] = ()  # ways on, in the order in which the split names them
    limit: str = ""  # minutes
    limit_unit: str = ""
    working_hours: bool = False
    notifies_late: bool = False  # whoever did not do it within its limit

    def value(self, formal: str) -> str:
        return next((p.actual for p in self.parameters if p.formal == formal), "")


@dataclass(frozen=True)
class Way:
    key: str
    source: str
    target: str
    kind: str = ""  # "", CONDITION, OTHERWISE, EXCEPTION
    condition: str = ""
    is_whole: bool = True  # whether all of the condition was read


@dataclass(frozen=True)
class Exported:
    """One process of a file."""

    key: str
    label: str
    version: str = ""
    responsible: tuple[str, ...] = ()
    limit: str = ""  # minutes
    working_hours: bool = False
    data: dict[str, DataField] = field(default_factory=dict)
    participants: dict[str, Participant] = field(default_factory=dict)
    activities: dict[str, Activity] = field(default_factory=dict)
    ways: tuple[Way, ...] = ()
    repeated: tuple[str, ...] = ()  # what stands in the file twice: the first one counts
    dangling: tuple[str, ...] = ()  # ways that lead from or to nothing
    comments: int = 0
    help: str = ""
    notices: tuple[str, ...] = ()  # such as NotifyTodo

    @property
    def form(self) -> DataField | None:
        return next((one for one in self.data.values() if one.form), None)

    def ways_from(self, key: str) -> Sequence[Way]:
        """In the order in which its split names them; others behind, as they stand in the file."""
        return self._ways_from.get(key, ())

    def ways_to(self, key: str) -> Sequence[Way]:
        return self._ways_to.get(key, ())

    # Both are asked for again and again, of graphs with thousands of ways.

    @cached_property
    def _ways_from(self) -> Mapping[str, Sequence[Way]]:
        by_source = _grouped(self.ways, lambda way: way.source)
        return {key: _in_order(ways, self.activities[key].refs) for key, ways in by_source.items()}

    @cached_property
    def _ways_to(self) -> Mapping[str, Sequence[Way]]:
        return _grouped(self.ways, lambda way: way.target)


def _grouped(ways: Iterable[Way], key_of: Callable[[Way], str]) -> Mapping[str, Sequence[Way]]:
    groups: dict[str, list[Way]] = {}
    for way in ways:
        groups.setdefault(key_of(way), []).append(way)
    return groups


def _in_order(ways: Sequence[Way], refs: Sequence[str]) -> Sequence[Way]:
    order = {ref: number for number, ref in enumerate(refs)}
    return sorted(ways, key=lambda way: order.get(way.key, len(refs)))


_Keyed = TypeVar("_Keyed", DataField, Participant, Activity)


# --- bytes → tree -----------------------------------------------------------------------------------------


def read(data: bytes) -> Exported:
    """The process of a file, or FileInvalid."""
    if len(data) > LARGEST:
        raise FileInvalid(
            _("This file is larger than {most} MB, which no exported process is.").format(
                most=LARGEST // 1024 // 1024
            )
        )
    root = _tree(_readable(data))
    if _name(root) != "Package":
        raise FileInvalid(
            _("This is not a process exported by WorkflowGen: its XML does not begin with a Package.")
        )
    processes = list(_all(root, "WorkflowProcess"))
    if len(processes) != 1:
        raise FileInvalid(
            _("This file holds {count} processes. Export one process to one file.").format(
                count=len(processes)
            )
        )
    return _process(processes[0])


def _readable(data: bytes) -> bytes:
    """In an encoding that lxml is let read."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            try:
                data = _in_utf8(data[len(mark) :], encoding)
            except UnicodeDecodeError as error:
                raise FileInvalid(_("This file is not text in the encoding that it begins with.")) from error
            break
    declared = _ENCODING.match(data)
    says = declared[1].decode().lower() if declared else _UTF16_BYTES.get(data[:2], "")
    if says.startswith("utf-16"):
        # What is declared in single bytes is not UTF-16; what begins in pairs of bytes is, whatever it declares.
        encoding = "utf-8" if declared else says
        try:
            data, declared = _in_utf8(data, encoding), None
        except UnicodeDecodeError as error:
            raise FileInvalid(
                _("This file says that it is in {encoding}, and it is not. Save it as UTF-8.").format(
                    encoding=says
                )
            ) from error
    if declared and declared[1].decode().lower() not in _ENCODINGS:
        raise FileInvalid(
            _("This file is in the encoding {encoding}, which is not read. Save it as UTF-8.").format(
                encoding=declared[1].decode()
            )
        )
    prolog = _PROLOG.match(data)
    if prolog and data[prolog.end() : prolog.end() + 2] == b"<!":
        raise FileInvalid(
            _("This file declares a document type, which no exported process does. It is not read.")
        )
    return data


def _in_utf8(data: bytes, encoding: str) -> bytes:
    """Without what it declares of its encoding."""
    return re.sub(r"^\s*<\?xml.*?\?>", "", data.decode(encoding), count=1, flags=re.DOTALL).encode()


def _tree(data: bytes) -> etree._Element:
    parser = etree.XMLPullParser(
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    depth = elements = 0
    try:
        for start in range(0, len(data), _PIECE):
            parser.feed(data[start : start + _PIECE])
            for event, element in parser.read_events():
                depth += 1 if event == "start" else -1
                elements += event == "start"
                if depth > DEEPEST or elements > MOST_ELEMENTS or len(element.attrib) > MOST_ATTRIBUTES:
                    raise FileInvalid(
                        _("This file is nested deeper, or has more elements, than any exported process.")
                    )
        root = parser.close()
    except etree.XMLSyntaxError as error:
        raise FileInvalid(
            _("This is not XML: {why}").format(why=one_line(str(error.msg or error), 200))
        ) from error
    if not isinstance(root, etree._Element) or root.getroottree().docinfo.doctype:
        raise FileInvalid(
            _("This file declares a document type, which no exported process does. It is not read.")
        )
    return root


# --- tree → values ----------------------------------------------------------------------------------------


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2] if isinstance(element.tag, str) else ""


def _children(element: etree._Element | None, name: str) -> Iterator[etree._Element]:
    if element is not None:
        yield from (child for child in element if _name(child) == name)


def _child(element: etree._Element | None, *path: str) -> etree._Element | None:
    for name in path:
        element = next(_children(element, name), None)
    return element


def _all(element: etree._Element, name: str) -> Iterator[etree._Element]:
    return (one for one in element.iter() if _name(one) == name)


def _text(element: etree._Element | None, longest: int = LONGEST_VALUE) -> str:
    """Whole: what stands around a child that is none of ours is no text of this one."""
    return (element.text or "").strip()[:longest] if element is not None else ""


def _id(element: etree._Element) -> str:
    return one_line(element.get("Id", ""), LONGEST_NAME)


def _extended(element: etree._Element) -> dict[str, str]:
    attributes = _children(_child(element, "ExtendedAttributes"), "ExtendedAttribute")
    return {one.get("Name", ""): one.get("Value", "")[:LONGEST_VALUE] for one in attributes}


def _process(element: etree._Element) -> Exported:
    repeated: list[str] = []
    applications = {
        one.get("Id", ""): one for one in _children(_child(element, "Applications"), "Application")
    }
    data = _once(
        (_data_field(one) for one in _children(_child(element, "DataFields"), "DataField")), repeated
    )
    people = _once(
        (_participant(one) for one in _children(_child(element, "Participants"), "Participant")), repeated
    )
    activities = _once(
        (_activity(one, applications) for one in _children(_child(element, "Activities"), "Activity")),
        repeated,
    )
    ways = [_way(one) for one in _children(_child(element, "Transitions"), "Transition")]
    if len(activities) > MOST_ACTIVITIES or len(ways) > MOST_WAYS:
        raise FileInvalid(
            _("This process has {actions} actions and {ways} ways. At most {most} actions are read.").format(
                actions=len(activities), ways=len(ways), most=MOST_ACTIVITIES
            )
        )
    if not activities:
        raise FileInvalid(_("This process has no actions."))
    header, extended = _child(element, "ProcessHeader"), _extended(element)
    responsible = _children(_child(element, "RedefinableHeader", "Responsibles"), "Responsible")
    ends = activities.keys()
    return Exported(
        key=_id(element),
        label=one_line(_text(_child(header, "Description"))),
        version=one_line(_text(_child(element, "RedefinableHeader", "Version")), 20),
        responsible=tuple(one_line(_text(one), 100) for one in responsible),
        limit=one_line(_text(_child(header, "Limit")), 20),
        working_hours=extended.get("DurationWorkhour") == "Y",
        data=data,
        participants=people,
        activities=activities,
        ways=tuple(way for way in ways if way.source in ends and way.target in ends),
        repeated=tuple(repeated),
        dangling=tuple(way.key for way in ways if way.source not in ends or way.target not in ends),
        comments=sum(1 for _one in _all(element, "Comment")),
        help=_help(extended),
        notices=tuple(dict.fromkeys(_notices(element)))[:20],
    )


def _once(values: Iterable[_Keyed], repeated: list[str]) -> dict[str, _Keyed]:
    by_key: dict[str, _Keyed] = {}
    for value in values:
        if value.key in by_key:
            repeated.append(value.key)
        elif value.key:
            by_key[value.key] = value
    return by_key


def _data_field(element: etree._Element) -> DataField:
    kind = _child(element, "DataType")
    basic, declared = _child(kind, "BasicType"), _child(kind, "DeclaredType")
    type_ = (
        basic.get("Type", "") if basic is not None else declared.get("Id", "") if declared is not None else ""
    )
    extended = _extended(element)
    return DataField(
        key=_id(element),
        label=one_line(_text(_child(element, "Description"))),
        type=one_line(type_, 20),
        initial=one_line(_text(_child(element, "InitialValue"))),
        culture=one_line(extended.get("FormatCulture", ""), 20),
        format=one_line(extended.get("FormatString", ""), 20),
        form=next((one.text or "" for one in _all(element, "File") if _is_form(one)), None),
    )


def _is_form(file: etree._Element) -> bool:
    return "html" in file.get("ContentType", "").lower() or file.get("FileName", "").lower().endswith(
        (".htm", ".html")
    )


def _participant(element: etree._Element) -> Participant:
    extended = _extended(element)
    mapped = [extended.get(f"MapTo{name}", "") for name in ("Users", "Groups", "Directories", "Coordinators")]
    users = [one_line(one, 100) for names in mapped for one in names.split(",")]
    rights = ("ReassignAction", "CancelRequest", "ViewStatistics", "CommentsPermissions")
    return Participant(
        key=_id(element),
        label=one_line(_text(_child(element, "Description")), 100),
        role=one_line(extended.get("Role", ""), 20),
        users=tuple(dict.fromkeys(filter(None, users)))[:50],
        rights=tuple(right for right in rights if extended.get(right, "") not in ("", "N")),
    )


def _activity(element: etree._Element, applications: dict[str, etree._Element]) -> Activity:
    extended = _extended(element)
    tool = _child(element, "Implementation", "Tool")
    application = applications.get(tool.get("Id", "")) if tool is not None else None
    restriction = _child(element, "TransitionRestrictions", "TransitionRestriction")
    split = _child(restriction, "Split")
    refs = _children(_child(split, "TransitionRefs"), "TransitionRef")
    return Activity(
        key=_id(element),
        label=one_line(_text(_child(element, "Description")), 100),
        performer=one_line(_text(_child(element, "Performer")), LONGEST_NAME),
        assign=one_line(extended.get("AssignType", ""), 60),
        application=_class_of(application, tool),
        parameters=_parameters(application, tool),
        changes=_changes(application, tool if tool is not None else _subflow(element)),
        is_route=_child(element, "Route") is not None,
        calls=_called(element),
        help=_help(extended),
        split=split.get("Type", "") if split is not None else "",
        refs=tuple(ref.get("Id", "") for ref in refs),
        limit=one_line(_text(_child(element, "Limit")), 20),
        limit_unit=one_line(extended.get("DurationUnit", ""), 5),
        working_hours=extended.get("DurationWorkhour") == "Y",
        notifies_late=extended.get(_NOTIFIES_LATE) == "Y",
    )


def _called(element: etree._Element) -> str:
    """ "?" where it does not say which."""
    subflow = _subflow(element)
    return (_id(subflow) or "?") if subflow is not None else ""


def _subflow(element: etree._Element) -> etree._Element | None:
    return _child(element, "Implementation", "SubFlow")


def _help(extended: dict[str, str]) -> str:
    texts = (one_line(extended.get(name, "")) for name in ("Help", "HelpLink", "HelpMail"))
    return ", ".join(filter(None, texts))


def _notices(process: etree._Element) -> Iterator[str]:
    """The mails that WorkflowGen wrote about actions and at the end of a request. That an action is late is read with
    its limit."""
    for element in (process, *_all(process, "Activity")):
        yield from (
            one_line(name, 40)
            for name, value in _extended(element).items()
            if name.startswith("Notify") and value == "Y" and (element is process or name != _NOTIFIES_LATE)
        )


def _class_of(application: etree._Element | None, tool: etree._Element | None) -> str:
    if application is None:
        return "" if tool is None else one_line(tool.get("Id", ""), 60)
    return one_line(_extended(application).get("Class", ""), 60)


def _parameters(application: etree._Element | None, tool: etree._Element | None) -> tuple[Parameter, ...]:
    """The two lists belong together by their order: an action may call a data field otherwise than its form does."""
    if application is None or tool is None:
        return ()
    formal, actual = _formal(application), _actual(tool)
    if len(formal) > MOST_PARAMETERS:
        raise FileInvalid(
            _("An action of this process has more than {most} parameters.").format(most=MOST_PARAMETERS)
        )
    return tuple(
        Parameter(
            _id(one),
            one_line(_text(other), LONGEST_VALUE),
            one.get("Mode", ""),
            is_whole=len((other.text or "").strip()) <= LONGEST_VALUE,
        )
        for one, other in zip(formal, actual, strict=False)
    )


def _changes(application: etree._Element | None, runs: etree._Element | None) -> tuple[str, ...]:
    """All that is handed over but what is said to go in only: of what stands in another file nothing is said."""
    formal = _formal(application) if application is not None else []
    modes = chain((one.get("Mode", "") for one in formal), repeat(""))
    actual = (one_line(_text(one), LONGEST_NAME) for one in _actual(runs))
    return tuple(dict.fromkeys(data for data, mode in zip(actual, modes, strict=False) if mode != "IN"))


def _formal(application: etree._Element) -> list[etree._Element]:
    return sorted(_children(_child(application, "FormalParameters"), "FormalParameter"), key=_index)


def _actual(runs: etree._Element | None) -> list[etree._Element]:
    return list(_children(_child(runs, "ActualParameters"), "ActualParameter"))


def _index(parameter: etree._Element) -> int:
    number = parameter.get("Index", "")
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 8 else 10**8


def _way(element: etree._Element) -> Way:
    """What stands in a condition in another way than as its text is shown, and never read: a part of a condition is
    another one."""
    conditions = list(_children(element, "Condition"))
    written = " ".join("".join(one.itertext()) for one in conditions).strip()
    is_plain = not conditions or (len(conditions) == 1 and not len(conditions[0]))
    kind = one_line(conditions[0].get("Type", ""), 40).upper() if conditions else ""
    if len(conditions) > 1 or (not kind and (written or not is_plain)):
        kind = "CONDITION"
    return Way(
        key=_id(element),
        source=one_line(element.get("From", ""), LONGEST_NAME),
        target=one_line(element.get("To", ""), LONGEST_NAME),
        kind="EXCEPTION" if kind == "DEFAULTEXCEPTION" else kind,
        condition=one_line(written[:LONGEST_VALUE], LONGEST_VALUE),
        is_whole=is_plain and len(written) <= LONGEST_VALUE,
    )
