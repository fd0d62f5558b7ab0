"""What `headrace eval` prints: figures beside floors and goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from training.evaluation import FLOORS, GOALS, ROOT_FLOOR, ROOT_GOAL, Figures, SkabResult, evaluate_skab
from training.protocols import ai4i, cmapss, hydraulic

_ENGINE_FIGURES = {
    "rmse": ("RMSE, one network", ".2f"),
    "rmse_ensemble": ("RMSE, five networks", ".2f"),
    "score": ("NASA score, one", ".0f"),
    "score_ensemble": ("NASA score, five", ".0f"),
    "coverage": ("in the 80 % interval", ".2f"),
    "coverage_expected": ("  of engines held back", ".2f"),
    "width": ("mean width of it", ".1f"),
}


def measure(data: Path, seeds: Sequence[int], with_hydraulic: bool, console: Console) -> str:
    """Run everything that has its data, print tables, and return one line of JSON."""
    skab = evaluate_skab(data / "skab", seeds, console.print)
    console.print(_skab_table(skab))
    result: dict[str, object] = {"skab": skab.means(), "root_channel_first": round(float(np.mean(skab.roots)), 1)}
    if with_hydraulic and (data / "hydraulic").is_dir():
        console.print("hydraulic rig: four conditions, five blocked folds")
        rigs = [hydraulic.macro_f1(*hydraulic.read(data / "hydraulic"), seed=seed) for seed in seeds]
        console.print(_rig_table(rigs))
        result["hydraulic"] = {name: round(float(np.mean([rig[name] for rig in rigs])), 4) for name in rigs[0]}
    else:
        console.print("hydraulic rig: not measured")
    result |= _ai4i(data / "ai4i2020", seeds, console)
    if (data / "cmapss_fd001").is_dir():
        engines = _engines(data / "cmapss_fd001", seeds, console)
        result["cmapss"] = {name: round(float(np.mean(of)), 4) for name, of in engines.items()}
        result["cmapss_ranges"] = {name: [min(of), max(of)] for name, of in engines.items()}
    else:
        console.print("C-MAPSS FD001: not measured")
    result |= {"seeds": len(seeds), "skab_ranges": skab.ranges()}
    result["skab_linear"] = {name: asdict(figures) for name, figures in skab.linear.items()}
    result["skab_persistence"] = {
        name: {figure: round(float(np.mean([asdict(one)[figure] for one in found])), 4) for figure in asdict(found[0])}
        for name, found in skab.persistence.items()
    }
    result["skab_pca"] = {name: asdict(figures) for name, figures in skab.pca.items()}
    return msgspec.json.encode(result).decode()


def _skab_table(result: SkabResult) -> Table:
    table = Table("SKAB, causal", "F1", "FAR %", "MAR %", "FAR + MAR", "NAB", "delay s", title_justify="left")
    for name, found in (("plain", result.plain), ("recovery", result.recovery)):
        columns = _columns(found)
        table.add_row(
            f"recovery {'on' if name == 'recovery' else 'off'}", *(f"{np.mean(c):{form}}" for form, c in columns)
        )
        table.add_row("  seeds", *(f"{min(c):{form}}–{max(c):{form}}" for form, c in columns))
        table.add_row("  floor", *_bounds(FLOORS[name], "≥", "≤"))
        table.add_row("  goal", *_bounds(GOALS[name], "≥", "≤"))
        for rival, figures in (("linear", result.linear), ("pca", result.pca)):
            table.add_row(f"  {rival}", *(f"{column[0]:{form}}" for form, column in _columns([figures[name]])))
    for name, found in result.persistence.items():
        table.add_row(name, *(f"{np.mean(c):{form}}" for form, c in _columns(found)))
    table.caption = (
        f"root channel named first: {np.mean(result.roots):.1f} of {result.of_roots} "
        f"(floor {ROOT_FLOOR}, goal {ROOT_GOAL}); always-alarm has F1 .698"
    )
    return table


def _columns(found: list[Figures]) -> list[tuple[str, list[float]]]:
    """Format and figures of each column, one figure per seed."""
    return [
        (".3f", [figure.f1 for figure in found]),
        (".1f", [figure.far for figure in found]),
        (".1f", [figure.mar for figure in found]),
        (".1f", [figure.far + figure.mar for figure in found]),
        (".1f", [figure.nab for figure in found]),
        (".0f", [figure.delay_s for figure in found]),
    ]


def _bounds(limits: dict[str, float], at_least: str, at_most: str) -> list[str]:
    signs = {"f1": at_least, "far": at_most, "mar": at_most, "far+mar": at_most, "nab": at_least}
    return [f"{sign} {limits[name]:g}" if name in limits else "" for name, sign in signs.items()]


def _ai4i(folder: Path, seeds: Sequence[int], console: Console) -> dict[str, object]:
    """Means over the seeds, and [lowest, highest] of them; nothing where the data are not there."""
    if not folder.is_dir():
        console.print("AI4I: not measured")
        return {}
    found = [asdict(one) for one in ai4i.evaluate(ai4i.read(folder), seeds, console.print)]
    columns = {name: [one[name] for one in found] for name in found[0]}
    console.print(_ai4i_table(columns))
    means = {name: round(float(np.mean(of)), 4) for name, of in columns.items()}
    ranges = {name: [round(min(of), 4), round(max(of), 4)] for name, of in columns.items()}
    return {"ai4i": means, "ai4i_ranges": ranges}


def _ai4i_table(columns: dict[str, list[float]]) -> Table:
    table = Table("AI4I 2020, stratified five-fold", "F1", "macro-F1", "AP", "ROC-AUC", title_justify="left")
    table.add_row("failure modes, noisy-OR", *(f"{np.mean(of):.3f}" for of in columns.values()))
    table.add_row("  seeds", *(f"{min(of):.3f}–{max(of):.3f}" for of in columns.values()))
    for name, bounds in (("floor", ai4i.FLOORS), ("goal", ai4i.GOALS)):
        table.add_row(f"  {name}", *(f"≥ {bounds[column]:g}" if column in bounds else "" for column in columns))
    table.add_row("  trees", *(f"{ai4i.TREE[column]:.3f}" for column in columns))
    return table


def _engines(folder: Path, seeds: Sequence[int], console: Console) -> dict[str, list[float]]:
    """Figures by name, one for each seed."""
    console.print(f"C-MAPSS FD001: remaining life of the test engines, {len(seeds)} seed(s)")
    found = [cmapss.evaluate(folder, seed).as_dict() for seed in seeds]
    columns = {name: [figures[name] for figures in found] for name in found[0]}
    console.print(_engine_table(columns))
    return columns


def _engine_table(columns: dict[str, list[float]]) -> Table:
    """Lives and errors are in cycles."""
    table = Table("C-MAPSS FD001", "mean", "seeds", "floor", "goal", "tree", title_justify="left")
    known = {
        "rmse": (f"≤ {cmapss.FLOORS['rmse']:g}", f"≤ {cmapss.GOAL:g}", f"{cmapss.TREE:g}"),
        "rmse_ensemble": (f"≤ {cmapss.FLOORS['rmse_ensemble']:g}", f"≤ {cmapss.GOAL:g}"),
        "score": ("", "", f"{cmapss.TREE_SCORE:g}"),
    }
    for name, (text, form) in _ENGINE_FIGURES.items():
        found = columns[name]
        table.add_row(
            text, f"{np.mean(found):{form}}", f"{min(found):{form}}–{max(found):{form}}", *known.get(name, ())
        )
    table.caption = "true remaining life at the last cycle of 100 engines, not capped; cycles"
    return table


def _rig_table(rigs: Sequence[dict[str, float]]) -> Table:
    table = Table("hydraulic rig, macro-F1", *hydraulic.CONDITIONS, title_justify="left")
    found = {name: [rig[name] for rig in rigs] for name in hydraulic.CONDITIONS}
    table.add_row("measured", *(f"{np.mean(of):.3f}" for of in found.values()))
    table.add_row("  seeds", *(f"{min(of):.3f}–{max(of):.3f}" for of in found.values()))
    table.add_row("  floor", *(f"≥ {hydraulic.FLOORS[name]:g}" for name in found))
    table.add_row("  goal", *(f"≥ {hydraulic.GOALS[name]:g}" for name in found))
    return table
