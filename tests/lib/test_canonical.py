import hashlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.lib.canonical import canonical, digest

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


def test_the_spelling_is_fixed() -> None:
    assert (
        canonical({"b": [1, True, None], "a": "é\n\u2028"}) == '{"a":"é\\n\u2028","b":[1,true,null]}'.encode()
    )
    assert digest({}) == hashlib.sha256(b"{}").hexdigest()


@given(values)
def test_one_value_has_one_spelling_whatever_the_order(value: Any) -> None:
    again = json.loads(canonical(value))
    assert again == value
    assert canonical(again) == canonical(value)
    if isinstance(value, dict):
        assert canonical(dict(reversed(value.items()))) == canonical(value)


@given(values, values)
def test_different_values_have_different_spellings(one: Any, other: Any) -> None:
    assert (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)) == (
        canonical(one) == canonical(other)
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, {"x": [math.nan]}])
def test_what_is_no_json_has_no_spelling(value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(value)


def test_half_a_character_has_a_spelling_of_its_own() -> None:
    """A mail may bring one: what is recorded of it must not fail, nor look like something else."""
    assert canonical("\ud800") == b'"\xed\xa0\x80"'
    assert canonical("\ud800") not in (canonical("\ufffd"), canonical("?"), canonical("\udc00"))
