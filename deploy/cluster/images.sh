#!/usr/bin/env bash
# Builds the images the node test needs, or those that are named: images.sh [kafka] [mongo] [lofte].  DOCKER_HOST says where.
# Kafka (its jars, a JRE by jlink) and MongoDB (the wheel's mongod; for tests only) where they are missing or made of other
# files than these; Löfte each time, twice (tags 1 and 2, for upgrades).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); tree=$(dirname "$(dirname "$here")"); cd "$tree"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"$here/base-image.sh"
has() { [ "$(docker image inspect "$1" --format '{{index .Config.Labels "lofte.made-of"}}' 2>/dev/null)" = "$2" ]; }
made_of() { cat "$here/images/$1"/* | sha256sum | cut -c1-12; }

kafka() {
  local jars of; of=$(made_of kafka); ! has local.test/kafka:4.1.0 "$of" || return 0
  jars=$(.venv/bin/python -c 'from lofte_local.kafka import jars; print(jars())')
  mkdir "$work/kafka"; cp -r "$jars" "$work/kafka/libs"; cp "$here"/images/kafka/* "$work/kafka/"
  jlink --add-modules java.base,java.compiler,java.desktop,java.management,java.naming,java.rmi,java.security.jgss,java.security.sasl,java.sql,jdk.crypto.ec,jdk.unsupported,jdk.security.auth \
    --strip-debug --no-man-pages --no-header-files --output "$work/kafka/jre"
  docker build -q --label "lofte.made-of=$of" -t local.test/kafka:4.1.0 "$work/kafka"
}
mongo() {
  local of; of=$(made_of mongo); ! has local.test/mongo:6.0.5 "$of" || return 0
  mkdir "$work/mongo"; cp "$(.venv/bin/python -c 'from lofte_local.mongo import find_mongod; print(find_mongod())')" "$work/mongo/mongod"
  cp "$here/images/mongo/Dockerfile" "$work/mongo/"
  docker build -q --label "lofte.made-of=$of" -t local.test/mongo:6.0.5 "$work/mongo"
}
lofte() {
  sh deploy/images/build.sh local.test/lofte:1 local.test/python:bookworm
  docker tag local.test/lofte:1 local.test/lofte:2
}
[ $# -gt 0 ] || set -- kafka mongo lofte
for image in "$@"; do
  case "$image" in
    kafka | mongo | lofte) "$image" ;;
    *) echo 'usage: images.sh [kafka] [mongo] [lofte]' >&2; exit 2 ;;
  esac
done
