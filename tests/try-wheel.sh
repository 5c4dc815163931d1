#!/bin/sh
# Installs a built wheel into an empty environment, away from the checkout, and does the main job with it.
# Usage: try-wheel.sh PYTHON WHEEL
set -eu

python=$1
wheel=$(realpath "$2")
list=$(realpath "$(dirname "$0")/../bans.yaml")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

"$python" -m venv empty
empty/bin/python -m pip install --quiet --disable-pip-version-check "$wheel"
PATH=$scratch/empty/bin:$PATH

cp "$list" bans.yaml
reconciler --version
reconciler validate
reconciler plan

mkdir new
(cd new && reconciler init --github && reconciler plan)

python - <<'PYTHON'
from ruamel.yaml import YAML
from _ruamel_yaml import CParser
assert YAML(typ="safe").Parser is CParser, "a plain install reads YAML with the slow parser"
PYTHON
! reconciler sandbox -- true 2>without-extra
grep -q "The sandbox needs aiohttp" without-extra

python -m pip install --quiet --disable-pip-version-check "${wheel}[sandbox]"
python -c 'from reconciler.sandbox import page; assert page.html()'
RECONCILER_STATE=bans.state.json reconciler sandbox -- reconciler apply --auto-approve
test "$(reconciler plan)" = 'No changes. The state matches bans.yaml.'
echo "The wheel works in an empty environment."
