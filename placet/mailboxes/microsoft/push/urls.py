"""Where Microsoft's servers call us."""

from django.urls import path

from placet.lib.late_views import late
from placet.mailboxes.microsoft.push.hindrance import PATH

urlpatterns = [
    path(
        PATH,
        late("placet.mailboxes.microsoft.push.webhook").graph_notifications,
        name="graph_notifications",
    )
]
