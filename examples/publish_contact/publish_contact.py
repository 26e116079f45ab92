"""Tells Löfte about one contact, from any system that reaches Kafka: sealed, published, and acknowledged.

pip install lofte-events aiokafka joserfc httpx
python publish_contact.py 127.0.0.1:8150 http://127.0.0.1:8101 lofte.inbound.0581
"""

import asyncio
import sys
import uuid
from datetime import UTC, datetime

import httpx
from aiokafka import AIOKafkaProducer
from joserfc import jwe
from joserfc.jwk import ECKey
from lofte_events import SEALED_WITH, ContactSubmitted, SealedCitizen, SealedContact, SealedMatter, to_message

SOURCE = "https://e-services.example.se"


async def seal(intake: str, plain: SealedContact | SealedMatter) -> str:
    """What is personal, for intake alone: a compact JWE for its newest key."""
    async with httpx.AsyncClient(trust_env=False) as http:
        newest = (await http.get(f"{intake}/keys")).raise_for_status().json()["keys"][0]
    header = {"alg": SEALED_WITH[0], "enc": SEALED_WITH[1], "kid": newest["kid"]}
    text = plain.model_dump_json(exclude_none=True)
    return jwe.encrypt_compact(header, text, ECKey.import_key(newest), algorithms=list(SEALED_WITH))


async def publish(kafka: str, intake: str, topic: str, contact: SealedContact, message_id: str) -> None:
    """One contact; with the same `message_id` it is the same one, however often this is called."""
    submitted = ContactSubmitted(channel="web", topic="city.parking", sealed=await seal(intake, contact))
    headers, value = to_message(
        submitted,
        message_id=message_id,
        source=SOURCE,
        municipality=contact.municipality,
        time=datetime.now(UTC),
    )
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, value, key=message_id.encode(), headers=headers)


if __name__ == "__main__":
    citizen = SealedCitizen(kind="person", name="Maja Lind", phone="070-174 06 12")
    told = SealedContact(municipality="0581", citizen=citizen, subject="Parkering", text="Var får jag stå?")
    kafka, intake, topic = sys.argv[1:]
    asyncio.run(publish(kafka, intake, topic, told, str(uuid.uuid4())))
