"""While modules are loaded nothing is looked through for garbage; afterwards it is again."""

import gc

import pytest

from placet.lib.collector import not_collecting


def test_it_ends_with_its_block_and_not_with_one_inside_it() -> None:
    with not_collecting():
        with not_collecting():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_ends_where_what_is_loaded_fails() -> None:
    with pytest.raises(ImportError), not_collecting():
        raise ImportError
    assert gc.isenabled()


def test_who_switched_it_off_before_has_it_off_afterwards() -> None:
    gc.disable()
    try:
        with not_collecting():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
