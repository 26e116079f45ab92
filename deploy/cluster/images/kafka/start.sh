#!/bin/sh
# ADVERTISED: the host:port that clients are told to use. With CERTIFICATE (PEM, key first) and PASSWORD it is SASL_SSL, user lofte.
# SETTINGS: lines that replace or add to those below.
set -e
mkdir -p /tmp/kafka
protocol=PLAINTEXT
[ -z "$CERTIFICATE" ] || protocol=SASL_SSL
cat > /tmp/kafka/server.properties <<PROPS
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:9093
listeners=CLIENTS://0.0.0.0:9092,INSIDE://127.0.0.1:9094,CONTROLLER://127.0.0.1:9093
advertised.listeners=CLIENTS://${ADVERTISED:-localhost:9092},INSIDE://127.0.0.1:9094,CONTROLLER://127.0.0.1:9093
controller.listener.names=CONTROLLER
inter.broker.listener.name=INSIDE
listener.security.protocol.map=CLIENTS:$protocol,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
auto.create.topics.enable=false
log.dirs=/tmp/kafka/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
$SETTINGS
PROPS
scram=
if [ -n "$CERTIFICATE" ]; then
  cat >> /tmp/kafka/server.properties <<PROPS
ssl.keystore.type=PEM
ssl.keystore.location=$CERTIFICATE
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
PROPS
  scram="--add-scram SCRAM-SHA-512=[name=lofte,password=$PASSWORD]"
fi
export CLASSPATH='/opt/kafka/libs/*'
J="/opt/jre/bin/java -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
# shellcheck disable=SC2086
$J kafka.tools.StorageTool format --standalone -t AAAAAAAAAAAAAAAAAAAAAQ -c /tmp/kafka/server.properties --ignore-formatted $scram
exec $J kafka.Kafka /tmp/kafka/server.properties
