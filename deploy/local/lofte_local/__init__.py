"""The local stack: real Kafka, real MongoDB, the five services, the lofte command line."""
