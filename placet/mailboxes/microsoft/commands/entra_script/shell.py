"""The script for bash: Azure CLI, and PowerShell for the part in Exchange Online that Azure CLI cannot do."""

import shlex

from placet.mailboxes.microsoft.commands.entra_script import exchange
from placet.mailboxes.microsoft.commands.entra_script.answers import (
    CERTIFICATE,
    SECRET,
    Answers,
    roles_needed,
)

RUN = "bash"


def script(answers: Answers) -> str:
    return "\n\n".join(part for part in _parts(answers) if part) + "\n"


def _parts(answers: Answers) -> list[str]:
    in_exchange = exchange.needed(answers)
    return [
        _HEAD + roles_needed(answers) + (_HEAD_EXCHANGE if in_exchange else ""),
        "set -euo pipefail",
        "# --- What was answered ---\n" + _values(answers),
        _HELPERS,
        _SIGN_IN + (_INTO_TENANT if answers.tenant else _INTO_ANY),
        _REGISTER,
        _ROLES,
        "" if answers.limit else _GRANT,
        _exchange(answers) if in_exchange else "",
        _TAKE_AWAY if answers.limit else "",
        {SECRET: _NEW_VALUE, CERTIFICATE: _CERTIFICATE}.get(answers.credential, ""),
        _last(answers),
    ]


def _values(answers: Answers) -> str:
    in_filter = answers.name.replace("'", "''")  # a quote inside the filter's own text
    values = {
        "display_name": answers.name,
        "name_in_filter": in_filter,
        "cloud": answers.names.azure,
        "graph": f"https://{answers.at.graph}",
        "login": answers.login,
        "service": answers.service.app_id,
        "permissions": " ".join(answers.service.roles),
        "username_in_shell": shlex.quote(answers.mailbox),
    }
    if answers.tenant:
        values["tenant"] = answers.tenant
    if answers.credential == SECRET:
        values |= {
            "secret_name": answers.secret_name,
            "secret_expires_on": answers.secret_expires_on.isoformat(),
        }
    if answers.credential == CERTIFICATE:
        values["certificate"] = answers.certificate
    return "\n".join(f"{name}={shlex.quote(value)}" for name, value in values.items())


def _exchange(answers: Answers) -> str:
    text = "\n\n".join(part for part in exchange.parts(answers) if part)
    return _EXCHANGE.format(text=text)


_HEAD = """\
#!/usr/bin/env bash
# Registers Placet in Microsoft Entra ID. Written by: placet entra
#
# Read it before you run it. It holds no secret. It may be run again: what is there already is left as it is. Only a
# client secret is another one each time.
# It needs Azure CLI (az). Save it as a file and run:
#   bash placet-entra.sh
#"""

_HEAD_EXCHANGE = """
#
# Azure CLI has no commands for Exchange Online. That part needs PowerShell (pwsh) with the module
# ExchangeOnlineManagement; without pwsh here, the script leaves you a file to run where there is one."""

_HELPERS = """\
say() { printf '%s\\n' "$*" >&2; }
stop() { say "$*"; exit 1; }
ask() { az "$@" --output tsv | tr -d '\\r'; }
among() { case $'\\n'"$2"$'\\n' in *$'\\n'"$1"$'\\n'*) return 0 ;; *) return 1 ;; esac; }"""

_SIGN_IN = """\
# --- 1. Sign in ---
command -v az >/dev/null || stop 'Azure CLI (az) is not installed here.'
[ "$(ask cloud show --query name)" = "$cloud" ] || az cloud set --name "$cloud" --output none
"""

_INTO_TENANT = """\
az login --allow-no-subscriptions --tenant "$tenant" --output none
tenant_id="$(ask account show --query tenantId)\""""

_INTO_ANY = """\
az account show --output none 2>/dev/null || az login --allow-no-subscriptions --output none
tenant_id="$(ask account show --query tenantId)"
say "The directory (tenant) is $tenant_id.\""""

_REGISTER = """\
# --- 2. The application: single tenant, no redirect URI ---
client_id="$(ask ad app list --filter "displayName eq '$name_in_filter'" --query '[].appId')"
case "$client_id" in
  '')
    client_id="$(ask ad app create --display-name "$display_name" --sign-in-audience AzureADMyOrg --query appId)"
    sleep 20 # until it is known everywhere
    ;;
  *$'\\n'*) stop "There are several applications named $display_name. Rename those that are not meant." ;;
  *) say "The application $display_name is there already: $client_id." ;;
esac

# Its service principal (Enterprise application) in this organisation.
object_id="$(ask ad sp list --filter "appId eq '$client_id'" --query '[].id')"
[ -n "$object_id" ] || object_id="$(ask ad sp create --id "$client_id" --query id)\""""

_ROLES = """\
# The permissions, looked up by their names.
resource_id="$(ask ad sp show --id "$service" --query id)"
assignments="$graph/v1.0/servicePrincipals/$object_id/appRoleAssignments"
role_ids=''
for permission in $permissions; do
  id="$(ask ad sp show --id "$service" \\
    --query "appRoles[?value=='$permission' && contains(allowedMemberTypes, 'Application')].id")"
  [ -n "$id" ] || stop "This organisation does not offer $permission."
  role_ids="$role_ids $id"
done
listed="$(ask ad app permission list --id "$client_id" --query "[?resourceAppId=='$service'].resourceAccess[].id")\""""

_GRANT = """\
# --- 3. The permissions, and consent to them for the whole organisation ---
# With them the application may open every mailbox, until it is limited to one.
granted="$(ask rest --method GET --url "$assignments" --query "value[?resourceId=='$resource_id'].appRoleId")"
for id in $role_ids; do
  among "$id" "$listed" ||
    az ad app permission add --id "$client_id" --api "$service" --api-permissions "$id=Role" --output none
  among "$id" "$granted" && continue
  body="{\\"principalId\\": \\"$object_id\\", \\"resourceId\\": \\"$resource_id\\", \\"appRoleId\\": \\"$id\\"}"
  az rest --method POST --url "$assignments" --headers Content-Type=application/json --body "$body" --output none || {
    say 'You may not consent to these permissions. Send this link to somebody who may:'
    say "$login/$tenant_id/adminconsent?client_id=$client_id"
  }
done"""

_EXCHANGE = """\
# --- Exchange Online, in PowerShell ---
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cat >"$folder/placet-exchange.ps1" <<'POWERSHELL'
param([string] $ClientId, [string] $ObjectId)
$ErrorActionPreference = 'Stop'

{text}
POWERSHELL
if command -v pwsh >/dev/null; then
  pwsh -NoProfile -File "$folder/placet-exchange.ps1" -ClientId "$client_id" -ObjectId "$object_id" ||
    stop 'The part in Exchange Online did not end well: see above, then run the script again.'
else
  cp "$folder/placet-exchange.ps1" placet-exchange.ps1
  say 'PowerShell (pwsh) is not installed here. Take the file placet-exchange.ps1 to where it is, and run there:'
  say "  pwsh -File placet-exchange.ps1 -ClientId $client_id -ObjectId $object_id"
  say 'Press Enter here when it has ended well, or Ctrl-C to stop: this script can be run again.'
  read -r _ || stop 'Run this script again when it has.'
fi"""

_TAKE_AWAY = """\
# --- No right to the whole organisation ---
# Rights in Exchange and in Entra ID add up. The wide ones are taken away if there were any, from the list of the
# registration too, so that nobody grants them again with the next consent.
wide=''
for id in $role_ids; do
  wide="$wide $(ask rest --method GET --url "$assignments" \\
    --query "value[?resourceId=='$resource_id' && appRoleId=='$id'].id")"
done
if [ -n "${wide//[[:space:]]/}" ]; then
  say "The application has $permissions for the whole organisation. If something uses it today, wait first: Exchange"
  say 'takes up to 2 hours to know the right to the one mailbox. Then run this script again.'
  say 'Type yes to take the right to the whole organisation away now:'
  read -r answer && [ "$answer" = yes ] || stop 'Nothing was taken away. Run this script again in 2 hours.'
fi
for grant in $wide; do
  az rest --method DELETE --url "$assignments/$grant" --output none
done
for id in $role_ids; do
  if among "$id" "$listed"; then
    az ad app permission delete --id "$client_id" --api "$service" --api-permissions "$id" --output none
  fi
done
# Others that open mailboxes are named and left: something else may need them.
granted="$(ask rest --method GET --url "$assignments" --query 'value[].appRoleId')"
for offering in 00000003-0000-0000-c000-000000000000 00000002-0000-0ff1-ce00-000000000000; do
  offered="$(ask ad sp show --id "$offering" \\
    --query "appRoles[?value && starts_with(value, 'Mail.') || value=='full_access_as_app'].[id, value]")"
  while IFS=$'\\t' read -r id permission; do
    if [ -n "$id" ] && among "$id" "$granted"; then
      say "It still has $permission for the whole organisation. As long as it has, it is not limited."
    fi
  done <<<"$offered"
done"""

_NEW_VALUE = """\
# --- A client secret. Its value is shown this once; older ones stay ---
secret="$(ask ad app credential reset --id "$client_id" --append --display-name "$secret_name" \\
  --end-date "$secret_expires_on" --query password)"
say ''
say "Client secret (its Value, shown this once; it expires on $secret_expires_on):"
say "$secret\""""

_CERTIFICATE = """\
# --- The certificate: the public part alone is uploaded. Those that are there stay ---
grep -q 'BEGIN CERTIFICATE' "$certificate" || stop "$certificate is no certificate in PEM form, or cannot be read."
! grep -q 'PRIVATE KEY' "$certificate" || stop "$certificate holds a private key. Take the certificate alone."
key="$(awk '/END CERTIFICATE/ { exit } on { print } /BEGIN CERTIFICATE/ { on = 1 }' "$certificate" | tr -d '[:space:]')"
keys="$(ask rest --method GET --url "$graph/v1.0/applications(appId='$client_id')?\\$select=id,keyCredentials" \\
  --query 'keyCredentials[].key')"
among "$key" "$keys" ||
  az ad app credential reset --id "$client_id" --append --cert "@$certificate" --output none"""


def _last(answers: Answers) -> str:
    form = "placet mailbox set --username %s --client-id %s --token-uri %s"
    values = '"$username_in_shell" "$client_id" "$login/$tenant_id/oauth2/v2.0/token"'
    if answers.credential == SECRET:
        values += ' "$secret_expires_on"'
    expires = " --secret-expires-on %s" if answers.credential == SECRET else ""
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
say ''
say 'Run this on the server of Placet. {said}'
printf '{form} --protocol {answers.protocol} --cloud {answers.cloud}{expires}\\n' \\
  {values}"""
