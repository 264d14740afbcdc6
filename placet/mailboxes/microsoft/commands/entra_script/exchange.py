"""The part in Exchange Online PowerShell: Azure CLI has nothing for it, and Microsoft's modules for Graph and for
Exchange break each other when they sign in within one process, so it always runs in a process of its own."""

from placet.mailboxes.microsoft.clouds import EWS
from placet.mailboxes.microsoft.commands.entra_script.answers import Answers, in_powershell


def needed(answers: Answers) -> bool:
    return answers.limit or answers.protocol == EWS


def parts(answers: Answers) -> list[str]:
    """The script's text, from the values on; it takes $ClientId and $ObjectId."""
    return [
        _values(answers),
        _AGAIN,
        _SIGN_IN,
        _LIMIT if answers.limit else "",
        _OTHER if answers.limit and answers.other_mailbox else "",
        _EWS if answers.protocol == EWS else "",
        _SIGN_OUT,
    ]


def _values(answers: Answers) -> str:
    roles = ", ".join(in_powershell(role) for role in answers.service.roles.values())
    lines = [
        f"$exchangeEnvironment = {in_powershell(answers.names.exchange)}",
        f"$mailbox = {in_powershell(answers.mailbox)}",
    ]
    if answers.limit:
        lines += [
            f"$displayName = {in_powershell(answers.name)}",
            f"$scopeName = {in_powershell(answers.scope_name)}",
            f"$exchangeRoles = @({roles})",
        ]
    if answers.limit and answers.other_mailbox:
        lines.append(f"$otherMailbox = {in_powershell(answers.other_mailbox)}")
    return "\n".join(lines)


_AGAIN = """\
# What was made a moment ago is not known everywhere at once: try again for a minute.
function Invoke-Again([scriptblock] $What) {
    for ($try = 1; ; $try++) {
        try { return & $What } catch { if ($try -ge 7) { throw } }
        Start-Sleep -Seconds 10
    }
}"""

_SIGN_IN = """\
if (-not (Get-Module -ListAvailable -Name ExchangeOnlineManagement)) {
    throw 'The module ExchangeOnlineManagement is missing: Install-Module ExchangeOnlineManagement -Scope CurrentUser'
}
$global:ErrorActionPreference = 'Stop'  # commands of modules look for it there
Write-Host 'Exchange Online: sign in with the role Exchange Administrator.'
Connect-ExchangeOnline -ExchangeEnvironmentName $exchangeEnvironment -ShowBanner:$false
$box = Get-Mailbox -Identity $mailbox
if ("$($box.PrimarySmtpAddress)" -ne $mailbox) {
    throw "$mailbox is not the primary address of its mailbox, which is $($box.PrimarySmtpAddress)."
}"""

_LIMIT = """\
# Limit the application to the one mailbox (RBAC for Applications). What is there already is left as it is.
if (-not (Get-ServicePrincipal | Where-Object { "$($_.AppId)" -eq $ClientId })) {
    Invoke-Again { New-ServicePrincipal -AppId $ClientId -ObjectId $ObjectId -DisplayName $displayName } | Out-Null
}
$inFilter = $mailbox.Replace("'", "''")
$scope = Get-ManagementScope | Where-Object { $_.Name -eq $scopeName }
if (-not $scope) {
    New-ManagementScope -Name $scopeName -RecipientRestrictionFilter "PrimarySmtpAddress -eq '$inFilter'" | Out-Null
} elseif ("$($scope.RecipientFilter)".IndexOf("'$inFilter'", [StringComparison]::OrdinalIgnoreCase) -lt 0) {
    throw "The management scope $scopeName is there already, for something else: $($scope.RecipientFilter)"
}
foreach ($role in $exchangeRoles) {
    $assignment = $scopeName + ' ' + $role.Replace('Application ', '') + ' ' + $ClientId.Substring(0, 8)
    if (-not (Get-ManagementRoleAssignment -Identity $assignment -ErrorAction SilentlyContinue)) {
        Invoke-Again {
            New-ManagementRoleAssignment -Name $assignment -App $ClientId -Role $role -CustomResourceScope $scopeName
        } | Out-Null
    }
}
# The mailbox must be inside. This asks the settings themselves, not what is still remembered of them elsewhere.
$tested = @(Test-ServicePrincipalAuthorization -Identity $ClientId -Resource $mailbox)
$tested | Format-Table 'RoleName', 'AllowedResourceScope', 'InScope' | Out-Host
foreach ($role in $exchangeRoles) {
    if (-not ($tested | Where-Object { $_.RoleName -eq $role -and "$($_.InScope)" -eq 'True' })) {
        throw "$role does not reach $mailbox yet. Run the script again in some minutes."
    }
}"""

_OTHER = """\
# And another one must be outside.
$open = @(Test-ServicePrincipalAuthorization -Identity $ClientId -Resource $otherMailbox |
    Where-Object { "$($_.InScope)" -eq 'True' })
if ($open) {
    $open | Format-Table 'RoleName', 'AllowedResourceScope', 'InScope' | Out-Host
    throw "The application may open $otherMailbox too: take these away with Remove-ManagementRoleAssignment."
}"""

_EWS = """\
# Let the application use Exchange Web Services. The list is one text and is overwritten, so what is on it is repeated.
$organisation = Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy
$allowed = @("$($organisation.EwsAllowedAppIDs)" -split '[,;\\s]+' | Where-Object { $_ })
if ("$($organisation.EwsEnabled)" -eq 'True' -and $allowed -contains $ClientId) {
    Write-Host 'EWS is allowed for this application already.'
} else {
    $list = (@($allowed) + $ClientId | Select-Object -Unique) -join ','
    Write-Host "EwsEnabled is '$($organisation.EwsEnabled)', EwsAllowedAppIDs is '$($allowed -join ',')'."
    Write-Host "They become 'True' and '$list'. Every application that is not on this list can then no longer use EWS:"
    Write-Host 'ask first whoever runs your other ones (backup, room displays, telephone, CRM).'
    if ((Read-Host 'Type yes to set them') -ne 'yes') { throw 'EwsAllowedAppIDs was not changed.' }
    Set-OrganizationConfig -EwsEnabled $true -EwsAllowedAppIDs $list
}
if ("$((Get-CASMailbox -Identity $mailbox).EwsEnabled)" -ne 'True') {
    Set-CASMailbox -Identity $mailbox -EwsEnabled $true
}"""

_SIGN_OUT = """\
Disconnect-ExchangeOnline -Confirm:$false"""
