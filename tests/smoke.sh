#!/usr/bin/env bash
# What a stranger sees: the installed edgedoc in an empty folder, with no checkout on any path.
#   smoke.sh bare|engine BIN      BIN is the bin folder of the environment under test
set -euo pipefail
stage=$1
export PATH=$2:$PATH
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
unset PYTHONPATH
export EDGEDOC_HOME=$place/home HF_HUB_OFFLINE=1
page='<html><body><h1>Opening hours</h1><p>We open at nine.</p></body></html>'
echo "$page" >page.html

fail() { echo "smoke: $*" >&2; exit 1; }

case $stage in
bare)
  edgedoc --version | grep -qx 'edgedoc [0-9.]*' || fail "--version"
  edgedoc --help | grep -q convert || fail "--help"
  edgedoc models --json | python -c 'import json, sys; json.load(sys.stdin)' || fail "models --json"
  edgedoc doctor >doctor.txt || fail "doctor"
  ! grep -q $'\e' doctor.txt || fail "doctor writes escape codes into a file"
  python -c 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") is not None)' || fail "torch came along"
  code=0
  edgedoc convert page.html >out.md 2>err.txt || code=$?
  [ "$code" = 3 ] || fail "convert without an engine returned $code: $(cat err.txt)"
  grep -q "pip install 'edgedoc\[" err.txt || fail "convert without an engine does not name the extra: $(cat err.txt)"
  ! grep -q Traceback err.txt || fail "traceback"
  [ ! -s out.md ] || fail "stdout carries something besides data"
  ;;
engine)
  edgedoc demo || fail "demo"
  edgedoc convert page.html | grep -q 'Opening hours' || fail "convert"
  echo "$page" | edgedoc convert - | grep -q 'nine' || fail "convert from a pipe"
  ;;
*) fail "unknown stage $stage" ;;
esac
echo "smoke: $stage passed"
