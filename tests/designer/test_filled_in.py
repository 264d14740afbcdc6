"""A form that is filled in to be looked at: the preview of a mail shows words, and no signs that stand for them."""

import re

from placet.approvals.definitions import Definition
from placet.approvals.field_types import TYPES
from placet.approvals.form import facts_as_read
from placet.approvals.process_text import read_text
from placet.approvals.sample_files import sample_called, sample_names
from placet.designer.filled_in import readable_sample

_CHOSEN = {"choice", "choices", "cost_centre"}


def test_every_field_of_every_sample_says_something_that_people_read() -> None:
    data = [
        read_text(sample.text).data for name in sample_names() if (sample := sample_called(name)) is not None
    ]
    assert len(data) > 10
    columns = [{"name": kind, "label": kind, "type": kind} for kind in ("text", "url", "person")]
    options = [{"key": "x", "label": "The first one"}]
    every = [
        *(
            {"name": f"a_{kind}", "label": kind, "type": kind}
            for kind in sorted(TYPES.keys() - _CHOSEN - {"money"})
        ),
        *(
            {"name": f"a_{kind}", "label": kind, "type": kind, "options": options}
            for kind in ("choice", "choices")
        ),
        {"name": "lines", "label": "Lines", "type": "table", "columns": columns},
    ]
    for one in [*data, {**data[0], "form": [*data[0]["form"], *every]}]:
        definition = Definition.model_validate(one)
        facts = facts_as_read(definition, readable_sample(definition))
        assert len(facts) == len(definition.fields)
        assert [fact.label for fact in facts if re.search(r"\bx\b", fact.text)] == []
