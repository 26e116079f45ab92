#!/usr/bin/env bash
# `make cluster-test`, run.sh [api|node]: what an API server says of the chart, then the system on a node; or one of the two.
# On the cluster of KUBECONFIG, which must reach the image LOFTE_IMAGE (tags 1 and 2) and local.test/kafka, mongo (images.sh
# builds them all); else on one of our own: Linux, Go for the first build, openssl; for the node root, Debian's packages, docker.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); tree=$(dirname "$(dirname "$here")"); cd "$tree"
work=${LOFTE_CLUSTER_FOLDER:-/tmp/lofte-cluster}; given=${KUBECONFIG:-}
if [ -z "$given" ]; then
  command -v go >/dev/null || { echo 'Go is missing (it builds the test cluster once), or give KUBECONFIG: apt-get install golang.' >&2; exit 1; }
  trap '"$here/kube-down.sh" "$work/api"; "$here/kube-down.sh" "$work/node"; "$here/docker-down.sh" "$work/docker"' EXIT
fi
at() { [ -n "$given" ] || export KUBECONFIG=$work/$1/admin.conf PATH=$work/$1/bin:$PATH; }
test_it() { .venv/bin/python -m pytest "deploy/cluster/tests/$1" -x -s --timeout 1200; }

api() {
  [ -n "$given" ] || "$here/kube-up.sh" api "$work/api"
  at api; test_it test_api_server.py
  [ -n "$given" ] || "$here/kube-down.sh" "$work/api"
}
node() {
  if [ -z "$given" ]; then
    "$here/docker-up.sh" "$work/docker"; export DOCKER_HOST=unix://$work/docker/docker.sock
    "$here/images.sh"
    "$here/kube-up.sh" node "$work/node"; export LOFTE_NODE=$work/node
    "$here/images-up.sh" "$work/node" local.test/{pause:1,kafka:4.1.0,mongo:6.0.5,lofte:1,lofte:2}
  fi
  at node; test_it test_node.py
}
case "${1:-all}" in
  all) api; node ;;
  api | node) "$1" ;;
  *) echo 'usage: run.sh [api|node]' >&2; exit 2 ;;
esac
