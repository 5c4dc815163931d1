#!/bin/sh
# The whole job, from start to finish, with the bans.yaml in this folder and a local sandbox.
# The state goes to a temporary folder, so the demo leaves nothing behind.
set -eu

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
RECONCILER_STATE=$scratch/bans.state.json
export RECONCILER_STATE

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ] || say() { printf '\n%s\n' "$*"; }

say '$ reconciler validate'
reconciler validate

say '$ reconciler plan   # what a pull request shows'
reconciler plan

say '$ reconciler sandbox -- reconciler apply --auto-approve   # what CI does after the merge, here against the sandbox'
reconciler sandbox -- reconciler apply --auto-approve

say '$ reconciler plan --detailed-exitcode   # nothing is left to do'
reconciler plan --detailed-exitcode
