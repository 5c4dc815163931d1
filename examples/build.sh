#!/bin/sh
# Lay out the two Lambdas, each with the gate beside it, for template.yaml: sh examples/build.sh python|node [FOLDER]
set -eu
examples=$(dirname "$0")
case ${1:-} in
python) gate=$examples/../reconciler/gate.py ;;
node) gate=$examples/gate.mjs ;;
*) echo 'usage: sh examples/build.sh python|node [FOLDER]' >&2 && exit 2 ;;
esac
build=${2:-$examples/build}
for service in token-service message-review; do
  rm -rf "$build/$service"
  mkdir -p "$build/$service"
  cp "$examples/$service/$1"/index.* "$build/$service"
  cp "$gate" "$build/$service"
done
