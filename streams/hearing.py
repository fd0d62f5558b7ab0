"""What people said so far, from the feedback topic: for tools."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from contracts.feedback import Judgement
from features.errors import FormatError, HeadraceError
from features.plant import Plant
from streams.reading import committed_records

log = logging.getLogger(__name__)


def judgements(plant: Plant, bootstrap: str) -> Iterator[Judgement]:
    """All that are in the topic, those on one alert in their order; what is none is passed over, and said.

    Raises:
        FormatError: one is of a format that this version does not know.
        ServiceError: Kafka cannot be reached, or has no such topic.
    """
    for record in committed_records(bootstrap, plant.topics.feedback):
        try:
            yield Judgement.decode(record.value() or b"")
        except FormatError:
            raise
        except HeadraceError as error:
            log.warning("%s[%d] %d: %s", record.topic(), record.partition(), record.offset(), error)
