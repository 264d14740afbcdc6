"""Where Microsoft's servers call us."""

from django.urls import path

from .subscriptions import PATH
from .webhook import graph_notifications

urlpatterns = [path(PATH, graph_notifications, name="graph_notifications")]
