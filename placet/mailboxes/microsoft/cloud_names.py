"""What Microsoft's own programs call the clouds.

Microsoft: "Connect-MgGraph", "Connect-ExchangeOnline", "az cloud".
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    graph: str  # Connect-MgGraph -Environment
    exchange: str  # Connect-ExchangeOnline -ExchangeEnvironmentName
    azure: str  # az cloud set --name; empty: Azure CLI knows no such cloud
    portal: str  # where an application is registered


#: By key of `clouds.CLOUDS`.
NAMES = {
    "worldwide": Names("Global", "O365Default", "AzureCloud", "entra.microsoft.com"),
    "gcc_high": Names("USGov", "O365USGovGCCHigh", "AzureUSGovernment", "portal.azure.us"),
    "dod": Names("USGovDoD", "O365USGovDoD", "", "portal.azure.us"),  # AzureUSGovernment has another Graph
    "china": Names("China", "O365China", "AzureChinaCloud", "portal.azure.cn"),
}
