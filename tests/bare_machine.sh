#!/usr/bin/env bash
# Does the last commit run on a machine that has nothing? An empty Debian with git, make and Python, in namespaces of its
# own, gets a clone and types what README says. A machine that has had a package once hides that it is missing.
#   bash tests/bare_machine.sh                      (as root; needs debootstrap, 20 GB and the registries)
#   TARGETS="run test" SUITE=trixie BIND="/srv/wheels" bash tests/bare_machine.sh
# SUITE: Debian's release. TARGETS: of make, in turn. BIND: folders of this machine that pip needs there (a mirror on
# disk). ROOT: where to build it; one that stands there is used as it is, and left.
set -euo pipefail
cd "$(dirname "$0")/.."

targets=${TARGETS:-run check test}
suite=${SUITE:-bookworm}
root=${ROOT:-}
if [[ -z $root ]]; then
    root=$(mktemp -d)
    trap 'rm -rf --one-file-system "$root"' EXIT
fi
if [[ ! -x $root/usr/bin/make ]]; then
    debootstrap --variant=minbase --include=ca-certificates,git,make,python3,python3-venv "$suite" "$root"
fi
# How this machine reaches the registries.
for file in /etc/hosts /etc/resolv.conf /etc/pip.conf /etc/xdg/pip /etc/apt/apt.conf.d /etc/ssl/certs/ca-certificates.crt; do
    [[ -e $file ]] && mkdir -p "$root$(dirname "$file")" && cp -rL "$file" "$root$(dirname "$file")/"
done
rm -rf "$root/home/somebody"
mkdir -p "$root/home/somebody"
git clone --quiet . "$root/home/somebody/project"

inside() {
    mount --make-rprivate /
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/tmp"
    for folder in ${BIND:-}; do
        mkdir -p "$root$folder"
        mount --bind "$folder" "$root$folder"
    done
    exec env -i HOME=/home/somebody LANG=C.UTF-8 CI=true PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        $(env | grep -E '^(PIP_|https?_proxy|no_proxy|SSL_CERT)' || true) \
        chroot "$root" bash -euc "cd /home/somebody/project; for target in $targets; do
            SECONDS=0; make \$target; echo \"bare machine: make \$target took \$SECONDS s\"; done"
}
export -f inside
export root targets
unshare --mount --pid --fork bash -euc inside
