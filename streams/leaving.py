"""Leaving a consumer group for good: the close of a static member keeps its place for a restart, and its partitions."""

from __future__ import annotations

import asyncio
import logging

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import LeaveGroupRequest

log = logging.getLogger(__name__)
LONGEST_S = 3.0


async def leave(bootstrap: str, group: str, member_id: str) -> None:
    """Give a closed member's partitions to the others now, instead of when the broker misses it. Best effort."""
    if not member_id:
        return
    try:
        await asyncio.wait_for(_leave(bootstrap, group, member_id), LONGEST_S)
    except (KafkaError, OSError, TimeoutError) as error:
        log.warning(
            "group %s: expected to leave it, got %r; its partitions move when the broker misses us", group, error
        )


async def _leave(bootstrap: str, group: str, member_id: str) -> None:
    client = AIOKafkaClient(bootstrap_servers=bootstrap, client_id="headrace-leave")
    try:
        await client.bootstrap()
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)
        await client.ready(node, group=ConnectionGroup.COORDINATION)
        await client.send(node, LeaveGroupRequest(group, member_id), group=ConnectionGroup.COORDINATION)
    finally:
        await client.close()
