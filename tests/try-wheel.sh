#!/bin/sh
# Installs a built wheel into an empty environment, away from the checkout, and does with it what the README does first.
# Usage: try-wheel.sh PYTHON WHEEL
set -eu

python=$1
wheel=$(realpath "$2")
readme=$(realpath "$(dirname "$0")/../README.md")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

"$python" -m venv empty
empty/bin/python -m pip install --quiet --disable-pip-version-check "$wheel"
PATH=$scratch/empty/bin:$PATH
unset RECONCILER_FILE RECONCILER_STATE

# The version in the name of the wheel.
version=$(basename "$wheel" | cut -d- -f2)
reconciler --version | grep -F "reconciler $version (ivschat-reconciler, Python 3."

mkdir begun
(cd begun && reconciler init --github && reconciler plan)

python - <<'PYTHON'
from ruamel.yaml import YAML
from _ruamel_yaml import CParser
assert YAML(typ="safe").Parser is CParser, "a plain install reads YAML with the slow parser"
PYTHON
(cd begun && ! reconciler sandbox -- true 2>../without-extra)
grep -F "pip install 'ivschat-reconciler[sandbox]'" without-extra

python -m pip install --quiet --disable-pip-version-check "${wheel}[sandbox]"
python -c 'from reconciler.sandbox import page; assert page.html()'

mkdir example
awk '/^```sh$/ { inside = 1; next } /^```$/ && inside { exit } inside' "$readme" >example/commands
grep -q 'reconciler sandbox -- reconciler apply' example/commands
(cd example && RECONCILER_STATE=bans.state.json sh -eu commands)
test "$(cd example/trial && reconciler plan | tail -n 1)" = 'No changes. The state matches bans.yaml.'
python -m pip check
echo "The wheel works in an empty environment of $("$python" --version)."
