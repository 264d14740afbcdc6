"""Whether reports say anything of single people: how many requests wait for each. Off, nothing of it is counted.
The General tab of the Configuration Panel says so (`placet.accounts.general.save`)."""

from placet.accounts.models import Installation


def are_person_figures_shown() -> bool:
    return Installation.objects.filter(id=1).values_list("person_figures", flat=True).first() is not False
