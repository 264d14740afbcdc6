"""Runs an API of the least that one can be, in a Python of its own: `api_worker.py KIND FOLDER ROWS`, where KIND is
`bare` (a Django view that writes JSON itself) or `drf` (Django REST Framework, serializers and its cursor pages).
Imports nothing of Placet.

Both have one table of so many rows and one of keys (SHA-256 of what the caller shows). The first line out says which
version runs. Then each line in, the name of a call and how often, runs it that often, and each line out says the
seconds of processor time of one: `get`, `list` (20 of them, newest first), `create`. The database is SQLite with
`synchronous=FULL`.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

KEY = "key_of_the_one_caller"
APP = "thing"
A_PAGE = 20
AT_ONCE = 10_000
HEADERS = {"HTTP_AUTHORIZATION": f"Bearer {KEY}"}


def _django(folder: Path, *apps: str) -> None:
    import django
    from django.conf import settings

    init = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    options = {"transaction_mode": "IMMEDIATE", "init_command": init}
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(folder / "db.sqlite3"),
        "OPTIONS": options,
    }
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": database},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", *apps],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        LOGGING_CONFIG=None,
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="x" * 50,
        USE_TZ=True,
    )
    django.setup()


def _tables(rows: int) -> tuple[Any, Any]:
    """The models of things and of keys, with their rows."""
    from django.db import connection, models

    thing = type(
        "Thing",
        (models.Model,),
        {
            "title": models.CharField(max_length=200),
            "state": models.CharField(max_length=10, default="open"),
            "data": models.JSONField(default=dict),
            "created_at": models.DateTimeField(auto_now_add=True),
            "Meta": type("Meta", (), {"app_label": APP}),
            "__module__": __name__,
        },
    )
    key = type(
        "Key",
        (models.Model,),
        {
            "digest": models.CharField(max_length=64, unique=True),
            "Meta": type("Meta", (), {"app_label": APP}),
            "__module__": __name__,
        },
    )
    with connection.schema_editor() as editor:
        editor.create_model(thing)
        editor.create_model(key)
    key.objects.create(digest=hashlib.sha256(KEY.encode()).hexdigest())  # type: ignore[attr-defined]  # as below
    data = {"what": "A chair", "price": {"amount": 12500, "currency": "EUR"}}
    for first in range(0, rows, AT_ONCE):
        some = (
            thing(title=f"Thing {number}", data=data) for number in range(first, min(rows, first + AT_ONCE))
        )
        thing.objects.bulk_create(some)  # type: ignore[attr-defined]  # Django gives it to models
    return thing, key


def _known(key: Any, header: str) -> bool:
    digest = hashlib.sha256(header.removeprefix("Bearer ").encode()).hexdigest()
    return bool(key.objects.filter(digest=digest).exists())


def bare(thing: Any, key: Any) -> list[Any]:
    from django.http import HttpResponse, JsonResponse
    from django.urls import path

    def shown(row: Any) -> dict[str, Any]:
        return {
            "id": row.pk, "title": row.title, "state": row.state, "data": row.data,
            "created_at": row.created_at.isoformat(),
        }  # fmt: skip

    def things(request: Any) -> HttpResponse:
        if not _known(key, request.headers.get("Authorization", "")):
            return JsonResponse({}, status=401)
        if request.method == "POST":
            entered = json.loads(request.body)
            return JsonResponse(shown(thing.objects.create(**entered)), status=201)
        before = int(request.GET.get("cursor", 2**62))
        rows = list(thing.objects.filter(pk__lt=before).order_by("-pk")[: A_PAGE + 1])
        next_ = rows[A_PAGE - 1].pk if len(rows) > A_PAGE else None
        return JsonResponse({"items": [shown(row) for row in rows[:A_PAGE]], "next": next_})

    def one(request: Any, pk: int) -> HttpResponse:
        if not _known(key, request.headers.get("Authorization", "")):
            return JsonResponse({}, status=401)
        return JsonResponse(shown(thing.objects.get(pk=pk)))

    return [path("things/", things), path("things/<int:pk>/", one)]


def drf(thing: Any, key: Any) -> list[Any]:
    from django.contrib.auth.models import AnonymousUser
    from django.urls import include, path
    from rest_framework import (  # type: ignore[import-not-found]  # not in our environment
        authentication,
        exceptions,
        pagination,
        permissions,
        routers,
        serializers,
        viewsets,
    )

    class ByKey(authentication.BaseAuthentication):  # type: ignore[misc]  # its base is not there
        def authenticate(self, request: Any) -> Any:
            if not _known(key, request.headers.get("Authorization", "")):
                raise exceptions.AuthenticationFailed
            return AnonymousUser(), KEY

        def authenticate_header(self, request: Any) -> str:
            return "Bearer"

    class HasKey(permissions.BasePermission):  # type: ignore[misc]  # its base is not there
        def has_permission(self, request: Any, view: Any) -> bool:
            return request.auth is not None

    class Things(serializers.ModelSerializer):  # type: ignore[misc]  # its base is not there
        class Meta:
            model = thing
            fields = ("id", "title", "state", "data", "created_at")

    class Pages(pagination.CursorPagination):  # type: ignore[misc]  # its base is not there
        page_size = A_PAGE
        ordering = "-id"

    class View(viewsets.ModelViewSet):  # type: ignore[misc]  # its base is not there
        queryset = thing.objects.all()
        serializer_class = Things
        pagination_class = Pages
        authentication_classes = (ByKey,)
        permission_classes = (HasKey,)

    router = routers.DefaultRouter()
    router.register("things", View)
    return [path("", include(router.urls))]


def _calls(rows: int) -> dict[str, Callable[[], Any]]:
    from django.test import Client

    client = Client(**HEADERS)  # type: ignore[arg-type]  # headers are among its parameters
    body = json.dumps({"title": "A chair", "data": {"what": "A chair"}})
    return {
        "get": lambda: client.get(f"/things/{rows // 2}/"),
        "list": lambda: client.get("/things/"),
        "create": lambda: client.post("/things/", body, content_type="application/json"),
    }


def main() -> None:
    kind, folder, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    apps = ["rest_framework"] if kind == "drf" else []
    _django(folder, *apps)
    tables = _tables(rows)
    globals()["urlpatterns"] = {"bare": bare, "drf": drf}[kind](*tables)
    calls = _calls(rows)
    for name, call in calls.items():
        status = call().status_code
        if status != (201 if name == "create" else 200):
            raise SystemExit(f"{name} was answered with {status}.")
    print(version("djangorestframework" if kind == "drf" else "Django"), flush=True)
    for line in sys.stdin:
        name, times = line.split()
        begun = time.process_time()
        for _turn in range(int(times)):
            calls[name]()
        print(json.dumps((time.process_time() - begun) / int(times)), flush=True)


if __name__ == "__main__":
    main()
