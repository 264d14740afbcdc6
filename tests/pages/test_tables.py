"""Administration → Authority tables."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from placet.accounts.models import Person
from placet.approvals import authority
from placet.approvals.authority_csv import read
from placet.approvals.processes import publish
from tests.making import one_step

As = Callable[[Person | None], Client]

pytestmark = pytest.mark.django_db


def test_tables_their_versions_and_rows_are_shown(admin: Person, as_: As) -> None:
    client = as_(admin)
    assert b"There is no table yet." in client.get(reverse("panel:tables")).content
    first = authority.publish("authority", read(b"amount:number,ask\n0..10,manager\n10..,group:x\n"), "first")
    assert b"version 1" in client.get(reverse("panel:tables")).content
    page = reverse("panel:table", args=[first.table.pk])
    shown = client.get(page).content.decode()
    assert "<bdi>0..10</bdi>" in shown
    assert "The first row that fits counts." in shown
    assert "No process looks in this table yet." in shown
    assert "Versions" not in shown
    many = "site,amount:number,ask\n" + "".join(f"<{n}>,,manager\n" for n in range(51))
    authority.publish("authority", read(many.encode()), "every", "Who may")
    line = {"table": "authority", "with": {"site": "item", "amount": "amount"}}
    publish(one_step([line]))
    shown = client.get(page).content.decode()
    assert "Asked in: One step" in shown
    assert "Every row that fits counts." in shown
    assert '<bdi>&lt;49&gt;</bdi></td><td data-label="amount"><bdi>*</bdi>' in shown
    assert "&lt;50&gt;" not in shown
    assert "&lt;50&gt;" in client.get(f"{page}?page=2").content.decode()
    assert "<bdi>0..10</bdi>" in client.get(f"{page}?version=1").content.decode()
    for version in ("7", "9" * 9):
        assert client.get(f"{page}?version={version}").status_code == 404
    for version in ("x", "-1", "9" * 30):
        assert client.get(f"{page}?version={version}").status_code == 200
