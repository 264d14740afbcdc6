"""Addresses in Administration of what Exchange alone has: the guide of Exchange Online, client certificates, the
move to another protocol, and Autodiscover."""

from django.urls import path

from placet.lib.late_views import late

autodiscovery = late("placet.mailboxes.microsoft.panel.autodiscovery")
certificate = late("placet.mailboxes.microsoft.panel.certificate")
from_guide = late("placet.mailboxes.microsoft.panel.from_guide")
guide = late("placet.mailboxes.microsoft.panel.guide")
moving = late("placet.mailboxes.microsoft.panel.moving")

urlpatterns = [
    path("configuration/remote-approval/autodiscover/", autodiscovery.find_server, name="autodiscover"),
    path("configuration/remote-approval/from-guide/", from_guide.from_guide, name="from_guide"),
    path("configuration/remote-approval/<int:pk>/move/check/", moving.check_move, name="check_move"),
    path("configuration/remote-approval/<int:pk>/move/", moving.move, name="move"),
    path("configuration/guide/", guide.guide, name="guide"),
    path("configuration/guide/client-secret.ics", guide.guide_calendar, name="guide_calendar"),
    path("configuration/guide/<slug:key>/", guide.guide_step, name="guide_step"),
    path("configuration/remote-approval/<int:pk>/certificate/", certificate.certificate, name="certificate"),
    path(
        "configuration/remote-approval/<int:pk>/certificate/<str:which>.cer",
        certificate.certificate_file,
        name="certificate_file",
    ),
    path(
        "configuration/remote-approval/<int:pk>/certificate/make/",
        certificate.make_certificate,
        name="make_certificate",
    ),
    path(
        "configuration/remote-approval/<int:pk>/certificate/upload/",
        certificate.upload_certificate,
        name="upload_certificate",
    ),
    path(
        "configuration/remote-approval/<int:pk>/certificate/use/",
        certificate.use_certificate,
        name="use_certificate",
    ),
    path(
        "configuration/remote-approval/<int:pk>/certificate/use-secret/",
        certificate.use_secret,
        name="use_secret",
    ),
    path(
        "configuration/remote-approval/<int:pk>/certificate/remove/",
        certificate.remove_certificate,
        name="remove_certificate",
    ),
    path(
        "configuration/remote-approval/<int:pk>/certificate/remove-secret/",
        certificate.remove_secret,
        name="remove_secret",
    ),
]
