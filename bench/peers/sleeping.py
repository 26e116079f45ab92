"""Temporal's workflows: each sleeps until it is due. The client, and the worker that runs them, in one process."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration
from temporalio import workflow
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from bench.peers.firing import DueTooSoon, in_time
from bench.probing import Sample, timed

_NAMESPACE, _QUEUE = "default", "bench"
_KEPT = Duration(seconds=86_400)
_fired: dict[str, float] = {}


@workflow.defn
class Timer:
    """Sleeps until `due`, in seconds since 1970; what is run again after a crash fired before."""

    @workflow.run
    async def run(self, due: float) -> None:
        await asyncio.sleep(max(0.0, due - workflow.time()))
        _fired.setdefault(workflow.info().workflow_id, time.time() - due)


async def due(
    address: str, pids: Sequence[int], at_once: int, count: int, pace: float, patience: float, at: float = 0
) -> Sample:
    """So many workflows started, all due at one time, and how late each woke. The sample's rate is of starting.

    They fall due at `at`, else `pace` seconds a workflow after the first is started, and a moment.
    """
    client = await _connected(address)
    worker = Worker(client, task_queue=_QUEUE, workflows=[Timer], workflow_runner=UnsandboxedWorkflowRunner())
    async with worker:
        return await in_time(lambda pace: _due(client, pids, at_once, count, pace, patience, at), pace)


async def _due(
    client: Client, pids: Sequence[int], at_once: int, count: int, pace: float, patience: float, at: float
) -> Sample:
    until, names = at or time.time() + pace * count + 3, [uuid4().hex for _ in range(count)]
    waiting = iter(names)

    async def caller() -> None:
        for name in waiting:
            await client.start_workflow(Timer.run, until, id=name, task_queue=_QUEUE)

    with timed(count, pids) as sample:
        await asyncio.gather(*(caller() for _ in range(at_once)))
    if time.time() > until:
        raise DueTooSoon
    deadline = until + patience
    while left := set(names) - _fired.keys():  # the workflows fill it
        if time.time() > deadline:
            raise SystemExit(f"{len(left)} of {count} workflows did not wake within {patience:.0f} s")
        await asyncio.sleep(0.1)
    sample.latencies = [_fired[name] for name in names]
    return sample


async def _connected(address: str) -> Client:
    """Once the server is there and knows the namespace."""
    deadline = time.monotonic() + 90
    while True:
        try:
            client: Any = await Client.connect(address, namespace=_NAMESPACE)
            with contextlib.suppress(RPCError):  # it is there already
                await client.workflow_service.register_namespace(
                    RegisterNamespaceRequest(namespace=_NAMESPACE, workflow_execution_retention_period=_KEPT)
                )
            await client.count_workflows()
        except (RuntimeError, RPCError) as error:
            if time.monotonic() > deadline:
                status = error.status if isinstance(error, RPCError) else RPCStatusCode.UNAVAILABLE
                raise SystemExit(f"Temporal does not answer: {status.name}") from error
            await asyncio.sleep(0.5)
        else:
            return client  # type: ignore[no-any-return]
