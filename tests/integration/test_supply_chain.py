"""The supply-chain service as a process, on a real broker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL

import pytest

from contracts.cloudevents import headers
from contracts.parts_demand import PartsDemand
from faults.hooks import Fault
from streams.reading import committed_records
from tests.alerts_made import T0, alert, cleared, recommendation
from tests.support import Running, until
from tests.works import Works, works_site

STOCK = "version: 1\nparts:\n  - {part: bearing set, on_hand: 3, lead_time_days: 2, min_order: 2}\n"
SEAL = recommendation("leak", "seal", urgency="now")


@pytest.fixture
def works(kafka: str, unique: Callable[[str], str], tmp_path: Path) -> Works:
    works = works_site(unique("works"), kafka, tmp_path)
    works.env["HEADRACE_STOCK"] = str(tmp_path / "stock.yaml")
    (tmp_path / "stock.yaml").write_text(STOCK)
    return works


def told(works: Works) -> dict[str, PartsDemand]:
    """The newest record of each part; revisions are 1, 2, 3 …, and all are CloudEvents."""
    newest: dict[str, PartsDemand] = {}
    for record in committed_records(works.bootstrap, works.plant.topics.parts_demand):
        found = PartsDemand.decode(record.value())
        assert record.key().decode() == found.part
        assert record.headers() == headers(found, works.plant.name)
        assert found.revision == (newest[found.part].revision + 1 if found.part in newest else 1)
        newest[found.part] = found
    return newest


def wait_done(works: Works, process: Running) -> None:
    until(lambda: works.done("supply-chain") or process.ended, "all alerts counted")
    assert not process.ended, process.output()


def quantities(works: Works) -> dict[str, int]:
    return {part: each.quantity for part, each in told(works).items()}


def test_demand_follows_cases_and_stock(works: Works) -> None:
    with works.running("service", "supply-chain") as process:
        works.put([alert("p-1"), alert("p-2"), alert("p-3", recommendation=SEAL)])
        wait_done(works, process)
        assert quantities(works) == {"bearing set": 3, "seal": 2}  # 2 × 2 × .6, and 2 that are urgent
        assert told(works)["bearing set"].proposal is None
        (works.home / "stock.yaml").write_text(STOCK.replace("on_hand: 3", "on_hand: 2"))
        until(lambda: told(works)["bearing set"].proposal, "a proposal")
        assert told(works)["bearing set"].proposal.quantity == 2  # type: ignore[union-attr]
        works.put([cleared(alert("p-1")), cleared(alert("p-3", recommendation=SEAL))])
        until(lambda: quantities(works) == {"bearing set": 2, "seal": 0}, "demand withdrawn")
        assert process.stop() == 0
    end = works.end(works.plant.topics.parts_demand)
    with works.running("service", "supply-chain") as process:  # nothing is new to one that starts again
        process.wait_for("nothing new")
        assert process.stop() == 0
    assert quantities(works) == {"bearing set": 2, "seal": 0}
    assert sum(each.revision for each in told(works).values()) < end


def test_a_process_that_is_killed_leaves_every_change_once(works: Works) -> None:
    for number, step in enumerate(("before commit_transaction", "after commit_transaction", "after init_transactions")):
        works.put([alert(f"p-{number}"), alert(f"q-{number}", recommendation=SEAL)])
        process = works.start_doomed(Fault.read(f"kill {step} 1"), "service supply-chain")
        assert process.wait() == -SIGKILL, process.output()
    with works.running("service", "supply-chain") as process:
        wait_done(works, process)
        assert process.stop() == 0
    assert quantities(works) == {"bearing set": 4, "seal": 6}
    assert told(works)["seal"].as_of_ms > T0


def test_a_second_process_ends_the_first(works: Works) -> None:
    with works.running("service", "supply-chain") as one:
        works.put([alert("p-1")])
        wait_done(works, one)
        with works.running("service", "supply-chain") as other:
            other.wait_for("nothing new")
            works.put([alert("p-2")])
            assert one.wait() == 1
            assert "expected to be the only one of plant" in one.output()
            assert "Traceback" not in one.output()
            wait_done(works, other)
            assert other.stop() == 0
    assert quantities(works) == {"bearing set": 3}


def test_poison_is_passed_over_and_an_empty_topic_is_no_demand(works: Works) -> None:
    with works.running("service", "supply-chain") as process:
        process.wait_for("nothing new")
        for value in (b"{", b'{"format":1}', None):
            works.put_raw(b"key", value)
        works.put([alert("p-1")])
        wait_done(works, process)
        assert "passed over" in process.output()
        assert process.stop() == 0
    assert quantities(works) == {"bearing set": 2}


def test_a_stock_file_that_contradicts_itself_is_refused_at_the_start(works: Works) -> None:
    (works.home / "stock.yaml").write_text(STOCK.replace("lead_time_days: 2", "lead_time_days: -2"))
    with works.running("service", "supply-chain") as process:
        assert process.wait() == 1
    assert "at $.parts[0].lead_time_days: Expected `float` >= 0" in process.output()
    assert "Traceback" not in process.output()
