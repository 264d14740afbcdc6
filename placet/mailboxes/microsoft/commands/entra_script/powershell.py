"""The script for PowerShell, with Microsoft Graph PowerShell and ExchangeOnlineManagement."""

import shlex

from placet.mailboxes.microsoft.commands.entra_script import exchange
from placet.mailboxes.microsoft.commands.entra_script.answers import (
    CERTIFICATE,
    SECRET,
    Answers,
    in_powershell,
    roles_needed,
)

RUN = "pwsh -File"


def script(answers: Answers) -> str:
    return "\n\n".join(part for part in _parts(answers) if part) + "\n"


def _parts(answers: Answers) -> list[str]:
    in_exchange = exchange.needed(answers)
    return [
        _HEAD + roles_needed(answers),
        _PARAMETERS if in_exchange else _STOP,
        *(_own_process(answers) if in_exchange else []),
        "# --- What was answered ---\n" + _values(answers),
        _HELPERS,
        _SIGN_IN,
        _REGISTER,
        _ROLES,
        "" if answers.limit else _GRANT,
        _START_EXCHANGE if in_exchange else "",
        _TAKE_AWAY if answers.limit else "",
        {SECRET: _NEW_VALUE, CERTIFICATE: _CERTIFICATE}.get(answers.credential, ""),
        _last(answers),
    ]


def _own_process(answers: Answers) -> list[str]:
    body = "\n\n".join(part for part in exchange.parts(answers) if part)
    indented = "\n".join(f"    {line}" if line else "" for line in body.splitlines())
    return [f"{_EXCHANGE_HEAD}\nif ($ClientId) {{\n{indented}\n    exit 0\n}}"]


def _values(answers: Answers) -> str:
    permissions = ", ".join(in_powershell(name) for name in answers.service.roles)
    lines = [
        f"$displayName = {in_powershell(answers.name)}",
        f"$environment = {in_powershell(answers.names.graph)}",
        f"$login = {in_powershell(answers.login)}",
        f"$tenant = {in_powershell(answers.tenant)}  # empty: the one that you sign in to",
        f"$service = {in_powershell(answers.service.app_id)}  # {answers.service.label}",
        f"$permissions = @({permissions})",
        f"$usernameInShell = {in_powershell(shlex.quote(answers.mailbox))}",
    ]
    if answers.credential == SECRET:
        lines += [
            f"$secretName = {in_powershell(answers.secret_name)}",
            f"$secretExpiresOn = {in_powershell(answers.secret_expires_on.isoformat())}",
        ]
    if answers.credential == CERTIFICATE:
        lines.append(f"$certificate = {in_powershell(answers.certificate)}")
    return "\n".join(lines)


_HEAD = """\
# Registers Placet in Microsoft Entra ID. Written by: placet entra
#
# Read it before you run it. It holds no secret. It may be run again: what is there already is left as it is. Only a
# client secret is another one each time.
# It needs PowerShell 7 or Windows PowerShell 5.1, and once:
#   Install-Module Microsoft.Graph.Authentication, ExchangeOnlineManagement -Scope CurrentUser
# Save it as a file and run:
#   pwsh -File placet-entra.ps1            (Windows PowerShell: powershell -ExecutionPolicy Bypass -File ...)
#"""

_PARAMETERS = """\
param([string] $ClientId, [string] $ObjectId)  # only given when this script starts itself for Exchange Online
$ErrorActionPreference = 'Stop'"""

_STOP = "$ErrorActionPreference = 'Stop'"

_EXCHANGE_HEAD = """\
# --- Exchange Online ---
# In a process of its own, which the script starts below: Microsoft's modules for Graph and for Exchange break each
# other when both sign in within one."""

_HELPERS = """\
# --- Microsoft Graph ---
function Invoke-Graph([string] $Method, [string] $Path, $Body) {
    $request = @{ Method = $Method; Uri = "v1.0/$Path"; OutputType = 'Json' }
    if ($null -ne $Body) {
        $request.Body = ConvertTo-Json -InputObject $Body -Depth 10
        $request.ContentType = 'application/json'
    }
    $answer = Invoke-MgGraphRequest @request
    if ($answer) { ConvertFrom-Json -InputObject $answer }
}
function Find-InGraph([string] $Collection, [string] $Property, [string] $Value) {
    $filter = [uri]::EscapeDataString($Property + " eq '" + $Value.Replace("'", "''") + "'")
    (Invoke-Graph GET ($Collection + '?$filter=' + $filter)).value
}"""

_SIGN_IN = """\
# --- 1. Sign in ---
if (-not (Get-Module -ListAvailable -Name Microsoft.Graph.Authentication)) {
    throw 'The module is missing: Install-Module Microsoft.Graph.Authentication -Scope CurrentUser'
}
$signIn = @{ Environment = $environment; Scopes = 'Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All' }
if ($tenant) { $signIn.TenantId = $tenant }
Connect-MgGraph @signIn -ContextScope Process -NoWelcome
$tenantId = (Get-MgContext).TenantId"""

_REGISTER = """\
# --- 2. The application: single tenant, no redirect URI ---
$found = @(Find-InGraph 'applications' 'displayName' $displayName)
if ($found.Count -gt 1) { throw "There are several applications named $displayName. Rename those that are not meant." }
if ($found.Count -eq 1) {
    $application = $found[0]
    Write-Host "The application $displayName is there already: $($application.appId)."
}
else {
    $new = @{ displayName = $displayName; signInAudience = 'AzureADMyOrg' }
    $application = Invoke-Graph POST 'applications' $new
    Start-Sleep -Seconds 20  # until it is known everywhere
}

# Its service principal (Enterprise application) in this organisation.
$found = @(Find-InGraph 'servicePrincipals' 'appId' $application.appId)
if ($found.Count -eq 1) { $principal = $found[0] }
else { $principal = Invoke-Graph POST 'servicePrincipals' @{ appId = $application.appId } }"""

_ROLES = """\
# The permissions, looked up by their names.
$resource = @(Find-InGraph 'servicePrincipals' 'appId' $service)[0]
$roles = @($resource.appRoles | Where-Object {
    $_.value -in $permissions -and $_.allowedMemberTypes -contains 'Application'
})
if ($roles.Count -ne $permissions.Count) { throw "This organisation does not offer $($permissions -join ', ')." }
$assignmentsPath = "servicePrincipals/$($principal.id)/appRoleAssignments\""""

_GRANT = """\
# --- 3. The permissions, and consent to them for the whole organisation ---
# With them the application may open every mailbox, until it is limited to one.
$others = @($application.requiredResourceAccess | Where-Object { $_ -and $_.resourceAppId -ne $service })
$listed = @($application.requiredResourceAccess | Where-Object { $_ -and $_.resourceAppId -eq $service } |
    ForEach-Object { $_.resourceAccess })
$missing = @($roles | Where-Object { $_.id -notin $listed.id } | ForEach-Object { @{ id = $_.id; type = 'Role' } })
if ($missing) {
    $access = @{ resourceAppId = $service; resourceAccess = @($listed) + @($missing) }
    Invoke-Graph PATCH "applications/$($application.id)" @{ requiredResourceAccess = @($others) + @($access) }
}
$granted = @((Invoke-Graph GET $assignmentsPath).value)
foreach ($role in $roles) {
    if ($granted | Where-Object { $_.resourceId -eq $resource.id -and $_.appRoleId -eq $role.id }) { continue }
    try {
        $grant = @{ principalId = $principal.id; resourceId = $resource.id; appRoleId = $role.id }
        Invoke-Graph POST $assignmentsPath $grant | Out-Null
    } catch {
        Write-Warning "You may not consent to $($role.value): $($_.Exception.Message)"
        Write-Warning 'Send this link to somebody who may:'
        Write-Warning "$login/$tenantId/adminconsent?client_id=$($application.appId)"
    }
}"""

_START_EXCHANGE = """\
# --- Exchange Online, in a process of its own ---
if (-not $PSCommandPath) { throw 'Save this script as a file and run that: it starts itself once more.' }
$program = if ($PSVersionTable.PSEdition -eq 'Core') { 'pwsh' } else { 'powershell' }
& $program -NoProfile -ExecutionPolicy Bypass -File $PSCommandPath -ClientId $application.appId -ObjectId $principal.id
if ($LASTEXITCODE -ne 0) { throw 'The part in Exchange Online did not end well: see above, then run this again.' }"""

_TAKE_AWAY = """\
# --- No right to the whole organisation ---
# Rights in Exchange and in Entra ID add up. The wide ones are taken away if there were any, from the list of the
# registration too, so that nobody grants them again with the next consent.
$granted = @((Invoke-Graph GET $assignmentsPath).value | Where-Object { $_ })
$wide = @($granted | Where-Object { $_.resourceId -eq $resource.id -and $_.appRoleId -in $roles.id })
if ($wide) {
    Write-Host "The application has $($permissions -join ' ') for the whole organisation. If something uses it today,"
    Write-Host 'wait first: Exchange takes up to 2 hours to know the right to the one mailbox.'
    Write-Host 'Then run this script again.'
    $answer = Read-Host 'Type yes to take the right to the whole organisation away now'
    if ($answer -ne 'yes') { throw 'Nothing was taken away. Run this script again in 2 hours.' }
}
foreach ($grant in $wide) { Invoke-Graph DELETE "$assignmentsPath/$($grant.id)" }
$listed = @($application.requiredResourceAccess | Where-Object { $_ })
if ($listed | ForEach-Object { $_.resourceAccess } | Where-Object { $_.id -in $roles.id }) {
    $access = @($listed | ForEach-Object {
        $kept = @($_.resourceAccess | Where-Object { $_.id -notin $roles.id })
        if ($kept) { @{ resourceAppId = $_.resourceAppId; resourceAccess = $kept } }
    })
    Invoke-Graph PATCH "applications/$($application.id)" @{ requiredResourceAccess = $access }
}
# Others that open mailboxes are named and left: something else may need them.
foreach ($id in '00000003-0000-0000-c000-000000000000', '00000002-0000-0ff1-ce00-000000000000') {
    $offered = @(Find-InGraph 'servicePrincipals' 'appId' $id)[0]
    foreach ($role in $offered.appRoles) {
        $wide = $role.value -like 'Mail.*' -or $role.value -eq 'full_access_as_app'
        if ($wide -and $role.id -notin $roles.id -and $role.id -in $granted.appRoleId) {
            Write-Warning "It has $($role.value) for the whole organisation. As long as it has, it is not limited."
        }
    }
}"""

_NEW_VALUE = """\
# --- A client secret. Its value is shown this once ---
$password = @{ displayName = $secretName; endDateTime = $secretExpiresOn + 'T00:00:00Z' }
$secret = Invoke-Graph POST "applications/$($application.id)/addPassword" @{ passwordCredential = $password }
Write-Host ''
Write-Host "Client secret (its Value, shown this once; it expires on $secretExpiresOn):"
Write-Host $secret.secretText"""

_CERTIFICATE = """\
# --- The certificate: the public part alone is uploaded. Those that are there stay ---
$file = (Resolve-Path -LiteralPath $certificate).ProviderPath
$x509 = New-Object System.Security.Cryptography.X509Certificates.X509Certificate2 $file
$key = [Convert]::ToBase64String($x509.RawData)
$keys = @((Invoke-Graph GET ("applications/$($application.id)" + '?$select=id,keyCredentials')).keyCredentials |
    Where-Object { $_ })
if (-not ($keys | Where-Object { $_.key -eq $key })) {
    $new = @{ type = 'AsymmetricX509Cert'; usage = 'Verify'; key = $key; displayName = 'Placet' }
    Invoke-Graph PATCH "applications/$($application.id)" @{ keyCredentials = @($keys) + @($new) }
}"""


def _last(answers: Answers) -> str:
    expires = " --secret-expires-on $secretExpiresOn" if answers.credential == SECRET else ""
    said = {
        SECRET: "It asks for the client secret, or reads it from standard input: a secret is never an argument.",
        CERTIFICATE: "Where it asks for a client secret press Enter: Placet signs in with the certificate and its key.",
    }.get(
        answers.credential,
        "It keeps the secret or certificate that Placet has; where there is none, it asks for the secret.",
    )
    if answers.limit:
        said += " Changes in Exchange act after 30 minutes to 2 hours; then run: placet check"
    return f"""\
# --- What Placet is told, on its server ---
Write-Host ''
Write-Host 'Run this on the server of Placet. {said}'
Write-Output ("placet mailbox set --username $usernameInShell --client-id $($application.appId)" +
    " --token-uri $login/$tenantId/oauth2/v2.0/token --protocol {answers.protocol} --cloud {answers.cloud}{expires}")"""
