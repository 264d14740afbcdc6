"""The script that `placet entra` prints: `powershell` and `shell` are its two forms, `exchange` is the part that both
run in Exchange Online PowerShell.

Whatever was answered stands in the lines at the top, quoted there and nowhere else; all below is the same text for
everybody. Microsoft: "application", "servicePrincipal: appRoleAssignments" and "addPassword" of Microsoft Graph, "az
ad app", "Role Based Access Control for Applications in Exchange Online", "Set-OrganizationConfig".
"""
