#!/bin/sh
# Installs the reconciler of this checkout into an environment of its own, and puts it on the PATH of the next steps.
set -eu

source=$(cd "$(dirname "$0")/.." && pwd)
environment=${RUNNER_TEMP:?}/reconciler-environment

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo '::error::reconciler needs Python 3.11 or later: run actions/setup-python first.'
  exit 1
}
python3 -I -m venv "$environment"
"$environment/bin/python" -I -m pip install --quiet --disable-pip-version-check \
  --constraint "$source/constraints.txt" "$source"
echo "$environment/bin" >> "${GITHUB_PATH:?}"
