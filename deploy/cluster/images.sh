#!/usr/bin/env bash
# Builds, where missing, the images the node test needs: base, pause, Kafka (its jars, a JRE by jlink), MongoDB (the
# wheel's mongod; for tests only) and Löfte twice (tags 1 and 2, for upgrades). DOCKER_HOST says where.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); tree=$(dirname "$(dirname "$here")"); cd "$tree"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"$here/base-image.sh"
has() { docker image inspect "$1" >/dev/null 2>&1; }
if ! has local.test/kafka:4.1.0; then
  jars=$(.venv/bin/python -c 'from lofte_local.kafka import jars; print(jars())')
  mkdir "$work/kafka"; cp -r "$jars" "$work/kafka/libs"; cp "$here"/images/kafka/* "$work/kafka/"
  jlink --add-modules java.base,java.compiler,java.desktop,java.management,java.naming,java.rmi,java.security.jgss,java.security.sasl,java.sql,jdk.crypto.ec,jdk.unsupported,jdk.security.auth \
    --strip-debug --no-man-pages --no-header-files --output "$work/kafka/jre"
  docker build -q -t local.test/kafka:4.1.0 "$work/kafka"
fi
if ! has local.test/mongo:6.0.5; then
  mkdir "$work/mongo"; cp "$(.venv/bin/python -c 'from lofte_local.mongo import find_mongod; print(find_mongod())')" "$work/mongo/mongod"
  cp "$here/images/mongo/Dockerfile" "$work/mongo/"
  docker build -q -t local.test/mongo:6.0.5 "$work/mongo"
fi
sh deploy/images/build.sh local.test/lofte:1 local.test/python:bookworm
docker tag local.test/lofte:1 local.test/lofte:2
