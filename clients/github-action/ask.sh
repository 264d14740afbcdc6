#!/usr/bin/env bash
# One step of a GitHub Actions job: asks what the ASK_ variables say, waits, and ends as placet-ask does. What came of it
# stands in $GITHUB_OUTPUT.
set -euo pipefail

options=()

# Each line of a text that is not empty, as a value of an option. With “=”: a value may begin with a dash.
each() { # OPTION TEXT
    local line
    while IFS= read -r line || [ -n "$line" ]; do
        line=${line%$'\r'}
        [ -z "${line//[[:space:]]/}" ] || options+=("$1=$line")
    done <<<"$2"
}

one() { # OPTION TEXT
    [ -z "$2" ] || options+=("$1=$2")
}

one --title "${ASK_TITLE:-}"
each --to "${ASK_TO:-}"
one --group "${ASK_GROUP:-}"
each --fact "${ASK_FACTS:-}"
one --text "${ASK_TEXT:-}"
each --file "${ASK_FILES:-}"
one --rule "${ASK_RULE:-}"
one --wait "${ASK_WAIT:-1h}"
each --approves "${ASK_APPROVES:-}"
one --idempotency-key "${ASK_ONCE:-}"

exec placet-ask "${options[@]}" --withdraw --github-output "$GITHUB_OUTPUT"
