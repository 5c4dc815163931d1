#!/bin/sh
# The whole job, from start to finish, with the bans.yaml in this folder, a denylist in a file, and a local sandbox.
# All of it happens in a temporary folder, so the demo leaves nothing behind.
set -eu

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp bans.yaml "$scratch"
cd "$scratch"
RECONCILER_STATE=bans.state.json
export RECONCILER_STATE

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ] || say() { printf '\n%s\n' "$*"; }

say '$ cat >> bans.yaml   # a denylist makes bans hold'
tee -a bans.yaml <<'LINES'
denylist: {location: denylist.json, settle_after: 3}   # 90 s outside a demo
LINES

say '$ reconciler plan   # what a pull request shows'
reconciler plan

say '$ reconciler sandbox -- reconciler apply --auto-approve   # after the merge'
reconciler sandbox -- reconciler apply --auto-approve

say '$ python   # what a token service asks before it hands a token out'
cat > token_service.py <<'LINES'
from reconciler.gate import Banned, Gate

gate = Gate("denylist.json")
room = "arn:aws:ivschat:us-west-2:12345689012:room/g1H2I3j4k5L6"
for user in ("ABC123def456", "somebody-else"):
    try:
        gate.admit(user, room)
        print(f"{user} gets a token")
    except Banned as refusal:
        print(f"{user} gets none: {refusal}")
LINES
sed '/./s/^/  /' token_service.py
python token_service.py

say '$ reconciler plan --detailed-exitcode   # nothing is left to do'
reconciler plan --detailed-exitcode
