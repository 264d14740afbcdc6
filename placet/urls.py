"""Addresses of the pages."""

from django.urls import include, path

from placet.lib.late_views import late
from placet.mailboxes.kinds import url_modules
from placet.panel.design import design
from placet.panel.readiness import readyz
from placet.portal.confirming import confirm_address

handler400 = "placet.api.entrance.bad_request"

urlpatterns = [
    path("healthz", late("placet.panel.views").healthz),
    path("readyz", readyz),
    path("metrics", late("placet.panel.metrics").metrics),
    *(path("", include(module)) for module in url_modules()),
    path("logo", late("placet.panel.general").logo, name="logo"),
    path("design/", design, name="design"),
    path("accounts/", include("placet.portal.account")),
    path("administration/", include("placet.panel.urls")),
    path("processes/", include("placet.designer.urls")),
    path("reports/", include("placet.reports.urls")),
    path("api/", include("placet.api.urls")),
    # The mail about another address links here (`placet.approvals.another_address`).
    path("confirm/<str:link>/", confirm_address, name="confirm_address"),
    path("", include("placet.portal.urls")),
]
