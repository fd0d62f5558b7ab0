"""The command line: `headrace COMMAND`. Commands are imported when they are called, so that `--help` is quick."""

from __future__ import annotations

import importlib
import logging
import os
import sys

import click

from features.errors import HeadraceError

COMMANDS = {
    "setup": "embedded.commands:setup",
    "up": "embedded.commands:up",
    "plant": "simulator.commands:plant",
    "failure-modes": "alerts.commands:failure_modes",
    "simulate": "simulator.commands:simulate",
    "apply": "streams.commands:apply",
    "worker": "streams.commands:worker",
    "sink": "streams.commands:sink",
    "service": "services.commands:service",
    "train": "training.commands:train",
    "score": "training.commands:score",
    "compare": "training.compare_command:compare",
    "registry": "training.commands:registry",
    "verify": "streams.verify_command:verify",
    "alerts": "streams.alert_commands:alerts",
    "acknowledge": "streams.alert_commands:acknowledge",
    "shelve": "streams.alert_commands:shelve",
    "unshelve": "streams.alert_commands:unshelve",
    "feedback": "streams.alert_commands:feedback",
    "dead-letters": "streams.commands:dead_letters",
    "replay": "streams.commands:replay",
    "status": "streams.commands:status",
    "demo": "demo.commands:demo",
    "eval": "training.commands:eval_",
}
"""In the order of a first day with Headrace."""


class LazyGroup(click.Group):
    """Knows the names of the commands; imports one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="headrace", message="%(package)s %(version)s")
@click.option("-v", "--verbose", count=True, help="Say more: -v what happens, -vv everything of ours.")
def headrace(verbose: int) -> None:
    """Headrace watches the machines of a plant.

    Telemetry comes in from Kafka, is cleaned and turned into features (Feast: Redis and Delta); a trainer learns from
    them with Keras; a worker scores every window and writes anomaly events: which machine, which window, which score,
    from which features and records.

    \b
    A first look, everything embedded:        headrace demo
    Beside your own Kafka and Redis, with --bootstrap and --redis-url or HEADRACE_BOOTSTRAP and HEADRACE_REDIS_URL:
      headrace plant check plant.yaml         is the description of the plant right?
      headrace apply                          make topics, tables and Feast definitions
      headrace worker / headrace sink         run it (one of each, or several)
      headrace train --class pump             learn from what was seen, and promote the bundle
    """
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    for name in ("features", "contracts", "training", "alerts", "streams", "services", "simulator", "embedded", "demo"):
        logging.getLogger(name).setLevel(level)
    if verbose < 2:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a broker that is away is told of once, by us


def main() -> None:
    """Entry point: an expected failure is one sentence on standard error and exit code 1."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        headrace()
    except HeadraceError as error:
        click.echo(f"headrace: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
