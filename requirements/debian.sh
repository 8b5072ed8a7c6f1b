#!/usr/bin/env bash
# Installs the Debian packages of one group of debian.txt that are not there: as root, else by sudo, and says so before
# it does. Where it may not, it says what would be needed and goes on: the tests that need them are then skipped.
#   bash requirements/debian.sh test
set -euo pipefail
cd "$(dirname "$0")"

missing=()
while IFS='|' read -r group package file _what_for; do
    read -r group <<<"$group"
    [[ $group == "$1" ]] || continue
    read -r package <<<"$package"
    read -r file <<<"$file"
    compgen -G "$file" >/dev/null || missing+=("$package")
done < <(grep -v '^#' debian.txt)
((${#missing[@]})) || exit 0

install="apt-get install --yes --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
    echo "make: no apt-get here; what make $1 needs of the system is called in Debian: ${missing[*]}" >&2
elif [[ $(id -u) == 0 ]]; then
    echo "make: installing Debian packages that make $1 needs, as root: ${missing[*]}"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive $install -qq >/dev/null || echo "make: that failed" >&2
elif command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
    echo "make: installing Debian packages that make $1 needs, by sudo: ${missing[*]}"
    sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive $install -qq >/dev/null ||
        echo "make: that failed" >&2
else
    echo "make: make $1 needs Debian packages that are not here; to install them: sudo $install" >&2
fi
