"""Views of pages that few look at: their module is loaded when the first of them is asked for, and takes no memory
before. For `urlpatterns`, where `late("placet.designer.views").process` stands for the view of that name.

Django asks a view for two things before it calls it: its name, for the table of addresses, which must load nothing, and
`csrf_exempt`, of one that was asked for. `tests/test_start.py` loads all of them and looks for marks beside that one.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.http import HttpResponseBase

from placet.lib.collector import not_collecting

View = Callable[..., HttpResponseBase]


class LateView:
    """A view by the name of its module and its own."""

    def __init__(self, module: str, name: str) -> None:
        self.__module__, self.__name__, self.__qualname__ = module, name, name

    @property
    def view(self) -> View:
        with not_collecting():
            module = import_module(self.__module__)
        view: View = getattr(module, self.__name__)
        return view

    @property
    def csrf_exempt(self) -> bool:
        return getattr(self.view, "csrf_exempt", False)

    def __call__(self, *arguments: Any, **named: Any) -> HttpResponseBase:
        return self.view(*arguments, **named)


class LateViews:
    """Those of one module, by their names."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> LateView:
        return LateView(self._module, name)


def late(module: str) -> LateViews:
    return LateViews(module)
