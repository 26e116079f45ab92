#!/bin/sh
# Builds the image: build.sh TAG [BASE]. `make image` calls it. Needs docker (with BuildKit or without) and `make setup`.
#
# Wheels come from uv.lock, by hash, for the image's Python whatever this machine's is; those of this tree are built.
# So the build itself needs no network, no index and no secret.
set -eu
tag=${1:?build.sh TAG [BASE]}
base=${2:-}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tree=$(dirname -- "$(dirname -- "$here")")
cd "$tree"
uv=.tools/bin/uv
command -v docker >/dev/null || {
    echo 'docker is missing: apt-get install docker.io, or build from deploy/images/Dockerfile with your own builder.' >&2
    exit 1
}
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir "$context/wheels"

# The five services and what they stand on; neither the local stack nor its issuer.
set --
for service in intake routing casework callback metrics; do set -- "$@" --package "lofte-$service"; done
"$uv" export --quiet --frozen --no-default-groups --no-emit-workspace "$@" -o "$context/requirements.txt" >/dev/null
# Its time and number change each time: without them the same lock makes the same file.
"$uv" export --quiet --frozen --no-default-groups --format cyclonedx1.5 --preview-features sbom-export "$@" |
    sed '/"serialNumber": /d; /"timestamp": /d' >"$context/sbom.cdx.json"

platforms=$(for minor in $(seq 36 -1 17); do printf -- '--platform manylinux_2_%s_%s ' "$minor" "$(uname -m)"; done)
# shellcheck disable=SC2086
.tools/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
    --python-version 3.11 --implementation cp $platforms --platform manylinux2014_"$(uname -m)" \
    -r "$context/requirements.txt" -d "$context/wheels"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 315532800)
export SOURCE_DATE_EPOCH
for package in lofte-events lofte-chassis lofte-municipality \
    lofte-intake lofte-routing lofte-casework lofte-callback lofte-metrics; do
    "$uv" build --quiet --wheel --package "$package" -o "$context/wheels"
done
rm -f "$context/wheels/.gitignore"
cp "$here/Dockerfile" LICENSE "$context/"

docker build -t "$tag" ${base:+--build-arg "BASE=$base"} \
    --build-arg "REVISION=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" "$context"
docker image inspect "$tag" --format '{{.Size}}' | awk -v tag="$tag" '{printf "%s: %.0f MB\n", tag, $1 / 1e6}'
