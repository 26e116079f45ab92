#!/usr/bin/env bash
# `make cluster-test`: on the cluster of KUBECONFIG, which must reach the image LOFTE_IMAGE (tags 1 and 2) and local.test/kafka,
# mongo (images.sh builds them all); else on one of our own (Linux, root, Debian's packages, Go for the first build, docker).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); tree=$(dirname "$(dirname "$here")"); cd "$tree"
test_it() { .venv/bin/python -m pytest deploy/cluster/tests -x -s --timeout 600 "$@"; }
if [ -n "${KUBECONFIG:-}" ]; then test_it "$@"; exit; fi
command -v go >/dev/null || { echo 'Go is missing (it builds the test cluster once), or give KUBECONFIG: apt-get install golang.' >&2; exit 1; }
work=${LOFTE_CLUSTER_FOLDER:-/tmp/lofte-cluster}
trap '"$here/kube-down.sh" "$work/node"; "$here/docker-down.sh" "$work/docker"' EXIT
"$here/docker-up.sh" "$work/docker"; export DOCKER_HOST=unix://$work/docker/docker.sock
"$here/images.sh"
"$here/kube-up.sh" node "$work/node"
"$here/images-up.sh" "$work/node" local.test/{pause:1,kafka:4.1.0,mongo:6.0.5,lofte:1,lofte:2}
export KUBECONFIG=$work/node/admin.conf LOFTE_NODE=$work/node PATH=$work/node/bin:$PATH
test_it "$@"
