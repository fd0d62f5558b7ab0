"""Pages that code, settings and other pages speak of are there, and each decision has a number of its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LISTED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True, text=True).stdout.splitlines()
PAGES = [name for name in LISTED if name.endswith(".md")]
SPEAKING = [name for name in LISTED if name.endswith((".py", ".yaml", ".toml", "Makefile"))]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Of its headings, as they are made from them: lower case, no marks, hyphens between words."""
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_code_and_settings_speak_of_pages_that_are_there() -> None:
    named = {(name, page) for name in SPEAKING for page in re.findall(r"\bdocs/[\w/-]+\.md\b", text(name))}
    assert {page for _, page in named} >= {"docs/failure-modes.md", "docs/services.md", "docs/upgrading.md"}
    assert [(name, page) for name, page in sorted(named) if not (ROOT / page).is_file()] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    folder, lost = (ROOT / name).parent, []
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text(name)):
        path, _, anchor = link.partition("#")
        page = folder / path if path else ROOT / name
        if not page.exists() or (anchor and anchor not in anchors(page)):
            lost.append(link)
    assert lost == []


def test_each_decision_has_its_number() -> None:
    names = sorted(name for name in PAGES if name.startswith("docs/decisions/"))
    numbers = [int(re.match(r"(\d{4})-", Path(name).name)[1]) for name in names]  # type: ignore[index]
    assert numbers == list(range(1, len(names) + 1))
    for name, number in zip(names, numbers, strict=True):
        assert text(name).startswith(f"# {number}. ")
