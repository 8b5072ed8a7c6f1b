#!/usr/bin/env bash
# Does the image of deploy/Dockerfile work? podman builds it, and the sample is annotated in it by a user without rights,
# with a read-only root, 64 MB of /dev/shm and the outputs in a mounted folder. All of it is in a temporary folder.
#   bash tests/container.sh        (as root; needs podman and the registries)
#   BIND="/etc/pip.conf" bash tests/container.sh
# Where the base image cannot be pulled, an empty Debian with Python stands in for it, by debootstrap or, where it is
# unpacked already, in ROOT. BIND: files of this machine that pip needs while the image is built. PODMAN: its options,
# e.g. "--storage-driver vfs --runtime runc". RUN: those of podman run, e.g. "--ulimit nofile=1000:1000".
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
podman=(podman --root "$folder/storage" --runroot "$folder/run" ${PODMAN:---storage-driver overlay --cgroup-manager cgroupfs})
trap 'umount "$folder"/storage/overlay 2>/dev/null; rm -rf --one-file-system "$folder"' EXIT
base=$(awk '$1 == "FROM" {print $2; exit}' deploy/Dockerfile)
suite=${base##*-}

if ! "${podman[@]}" pull --quiet "$base"; then
    echo "container: $base cannot be pulled: debootstrap makes a $suite with Python in its place"
    root=${ROOT:-$folder/base}
    [[ -x $root/usr/bin/python3 ]] ||
        debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv "$suite" "$root" >/dev/null
    tar --directory "$root" --create . | "${podman[@]}" import --quiet - "docker.io/library/$base"
fi
volumes=()
for file in ${BIND:-}; do
    volumes+=(--volume "$file:$file:ro")
done
SECONDS=0
"${podman[@]}" build --quiet --pull=never --layers=false --isolation=chroot --network=host "${volumes[@]}" \
    --ignorefile deploy/Dockerfile.dockerignore --file deploy/Dockerfile --tag localhost/fashion-pipeline .
echo "container: built in $SECONDS s, $("${podman[@]}" image inspect --format '{{.Size}}' localhost/fashion-pipeline) bytes"

mkdir "$folder/out"
chown 10001 "$folder/out"
"${podman[@]}" run --rm --read-only --tmpfs /tmp --shm-size 64m --cap-drop all --security-opt no-new-privileges \
    --network none ${RUN:-} --volume "$folder/out:/app/out" localhost/fashion-pipeline pipeline.yaml --quiet
.venv/bin/python - "$folder/out" <<'PYTHON'
import json, sys
from pathlib import Path

out = Path(sys.argv[1])
source = json.loads((out / "ledger.json").read_text())["sources"]["camera"]
records = (out / "results.jsonl").read_text().splitlines()
assert source["delivered"] == source["captured"] == len(records) > 0, source
assert (out / "annotated.mp4").stat().st_size > 100_000
print(f"container: {len(records)} frames, each with its record")
PYTHON
