#!/usr/bin/env bash
# Does the wheel work where nothing else is? It is installed with what it needs in an empty environment, and tried there.
#   bash tests/wheel_environment.sh        (after make wheel; PYTHON says which)
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check -c requirements/constraints.txt dist/*.whl
echo "wheel: installed in $SECONDS s, $(du -sm "$folder/environment/lib" | cut -f1) MB"
WHEEL_ENVIRONMENT="$folder/environment" .venv/bin/python -m pytest tests/system/test_wheel.py
