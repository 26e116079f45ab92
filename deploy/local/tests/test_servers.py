"""The session's real servers: what every other test stands on."""

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.read_concern import ReadConcern


@pytest.mark.mongo
async def test_mongo_takes_majority_writes_and_transactions(mongo_uri: str, unique: str) -> None:
    async with AsyncMongoClient[dict[str, object]](mongo_uri) as client:
        database = client[unique]
        majority = database.get_collection(
            "a", write_concern=WriteConcern("majority"), read_concern=ReadConcern("majority")
        )
        await majority.insert_one({"_id": 1})
        async with client.start_session() as session, await session.start_transaction():
            await majority.insert_one({"_id": 2}, session=session)
        assert await majority.count_documents({}) == 2
        await client.drop_database(unique)


@pytest.mark.kafka
async def test_kafka_keeps_what_was_sent_and_makes_no_topics_by_itself(
    kafka_address: str, unique: str
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    await admin.start()
    await admin.create_topics([NewTopic(unique, num_partitions=3, replication_factor=1)])
    async with AIOKafkaProducer(bootstrap_servers=kafka_address, enable_idempotence=True) as producer:
        await producer.send_and_wait(unique, b"value", key=b"key")
    consumer = AIOKafkaConsumer(
        unique,
        bootstrap_servers=kafka_address,
        group_id=unique,
        auto_offset_reset="earliest",
        session_timeout_ms=1000,
        heartbeat_interval_ms=300,
    )
    async with consumer:
        record = await consumer.getone()
    assert record.value == b"value"
    assert f"{unique}-other" not in await admin.list_topics()
    await admin.close()
