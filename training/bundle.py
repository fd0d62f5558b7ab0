"""Model bundles: immutable folders named by the hash of what they hold, verified before they are opened.

    <hash>/model.keras     architecture and weights, built-in layers only
           bundle.json     the `Card`: what the model is for, its inputs, scaler and θ, and where it comes from
           manifest.json   sha256 of both

The hash covers everything that a score or an alarm depends on. Metrics and environment are kept beside it, guarded by
the manifest alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import ArrayLike

from features import formats
from features.errors import BundleError, FeatureSetMismatchError
from features.schema import FeatureSet
from training import archive, networks, runtime
from training.attributes import NONE, Attributes
from training.detectors.base import Detector, Kind
from training.detectors.layer import Dense
from training.explain import Explainer
from training.files import put_folder, turn
from training.life import Life
from training.scaler import Scaler
from training.scoring import ModeScorer, Scorer

T = TypeVar("T")
F = TypeVar("F", Scorer, Explainer)

FORMAT, WITH_ATTRIBUTES = 1, 2
"""Of a bundle that looks at features alone, as ever, and of one that looks at attributes of machines too."""
FILES = {"model.keras", "bundle.json", "manifest.json"}
LARGEST = 1e30
"""A clip that leaves all measurements as they are."""


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """bundle.json"""

    format: int = FORMAT
    kind: Kind
    machine_class: str
    machine_id: str | None = None
    """The one machine it serves; None: all of the class."""
    feature_set: str
    """Version of the feature set that it was trained on; no other is scored."""
    features: tuple[str, ...]
    """Names of all features of the set, in order."""
    inputs: tuple[str, ...]
    """Those that the model looks at, in the order of its input."""
    scaler: Scaler
    threshold: float
    """θ: a window is abnormal where its score is above."""
    life: Life | None = None
    """How the score is read as remaining life, where it tells one."""
    trained_on_ms: tuple[int, int] | None = None
    """Event time of the first and the last training window."""
    seed: int | None = None
    """None: the weights were given."""
    modes: tuple[str, ...] | UnsetType = UNSET
    """Failure modes that the model knows apart, in the order of its layer `modes`; unset, not even written: none."""
    attributes: Attributes | UnsetType = UNSET
    """Of machines, and their categories, as training saw them; format 2 has some, unset, not even written: none."""
    metrics: dict[str, float | None] = {}
    """What evaluation found on windows after the training range; None: could not be measured."""
    environment: dict[str, str] = {}
    """Where it was trained; bit-equal scores are promised there only."""


@dataclass(frozen=True)
class Bundle:
    """A scoring model and everything needed to use it."""

    card: Card
    archive: bytes = field(repr=False)
    """The `.keras` file."""

    @classmethod
    def of(
        cls,
        detector: Detector,
        machine_id: str | None = None,
        trained_on_ms: tuple[int, int] | None = None,
        metrics: Mapping[str, float | None] | None = None,
    ) -> Bundle:
        """A fitted detector, ready to save."""
        feature_set = detector.feature_set
        card = Card(
            format=WITH_ATTRIBUTES if detector.attributes.names else FORMAT,
            kind=detector.kind,
            machine_class=feature_set.class_name,
            machine_id=machine_id,
            feature_set=feature_set.version,
            features=feature_set.names,
            inputs=detector.inputs,
            scaler=detector.scaler,
            threshold=detector.limit,
            life=detector.life,
            trained_on_ms=trained_on_ms,
            seed=detector.seed,
            modes=detector.modes or UNSET,
            attributes=detector.attributes if detector.attributes.names else UNSET,
            metrics=dict(metrics or {}),
            environment=runtime.environment(),
        )
        return cls(card, archive.pack(detector.model))

    @classmethod
    def load(cls, folder: str | Path) -> Bundle:
        """Verify a folder and read it.

        Raises:
            BundleError: files are missing, extra or changed, the format is unknown, or the name is not the content's.
        """
        folder = Path(folder)
        try:
            read = formats.reader(_READERS, _version(folder), f"bundle {folder}", BundleError)
            return read(folder)
        except OSError as error:
            raise BundleError(f"{folder}: expected a bundle's folder that can be read, got {error.strerror}") from error

    @cached_property
    def hash(self) -> str:
        """64 hex digits: sha256 of the canonical configuration and the weights."""
        content = {**msgspec.to_builtins(self.card), "model": archive.digest(self.archive)}
        del content["metrics"], content["environment"]
        if content["life"] is None:
            del content["life"]  # so that bundles from before there were lifetimes keep their names
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()

    @property
    def scope(self) -> str:
        """What it serves, as the registry calls it: `class` or `class/machine_id`."""
        card = self.card
        return card.machine_class if card.machine_id is None else f"{card.machine_class}/{card.machine_id}"

    def save(self, root: str | Path) -> Path:
        """Write `<root>/<hash>` and return it; one that is there already is mended where it does not verify.

        After a crash the folder is there as a whole, or not at all; what was left half done goes with the next save.
        """
        folder = Path(root) / self.hash
        with turn(folder.parent):
            if not _is_whole(folder):
                put_folder(folder, self._files())
        return folder

    def _files(self) -> dict[str, bytes]:
        files = {"model.keras": self.archive, "bundle.json": msgspec.json.format(msgspec.json.encode(self.card))}
        manifest = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        return files | {"manifest.json": msgspec.json.format(msgspec.json.encode(manifest, order="sorted"))}

    def require(self, feature_set: FeatureSet) -> None:
        """Raises FeatureSetMismatchError where the bundle was made for other features."""
        if self.card.feature_set != feature_set.version:
            raise FeatureSetMismatchError(
                f"bundle {self.hash[:12]}: expected features of version {self.card.feature_set}, "
                f"got {feature_set.version} of {feature_set.class_name}; train a bundle for the plant as it is now"
            )

    @property
    def attributes(self) -> Attributes:
        """Of machines: what their columns, behind the features of a window, are."""
        return self.card.attributes or NONE

    @property
    def names(self) -> tuple[str, ...]:
        """Of all columns that `scorer` and `explainer` take: the features, then the attributes."""
        return (*self.card.features, *self.attributes.names)

    def scorer(self) -> Scorer:
        """A new compiled scorer: (n, `names`) float32 to (n,) float32. Imports TensorFlow.

        Raises:
            BundleError: the model cannot be opened, or cannot score.
        """
        return self._tried(Scorer, "scores", "a score")

    def explainer(self) -> Explainer:
        """A new compiled explainer: (n, `names`) to (n, inputs), what each input adds to the score.

        Raises:
            BundleError: the model cannot be opened, or its scores cannot be explained.
        """
        return self._tried(Explainer, "explains its scores", "an explanation")

    def _tried(self, kind: Callable[[Any, Scaler, Sequence[int]], F], does: str, result: str) -> F:
        """What a model can do, after it has done so with a window of missing values.

        As it computes one shape without branches, a model that cannot do it fails here and not in the middle of the
        work.
        """
        try:
            made = kind(self._model, self.card.scaler, self._columns)
            found = made(np.full((1, len(self.names)), np.nan, np.float32)).ravel()
        except BundleError:
            raise
        except Exception as error:  # TensorFlow has no one base for what it finds wrong with a model
            line = archive.first_line(error)
            raise BundleError(f"bundle {self.hash[:12]}: expected a model that {does}, got {line}") from error
        if not np.isfinite(found).all():
            raise BundleError(f"bundle {self.hash[:12]}: expected {result} of a window without values, got {found[0]}")
        return made

    def modes(self) -> ModeScorer:
        """(n, `names`) to (n, modes of the card): probability of each failure mode.

        Raises:
            HeadraceError: the model knows no modes, or not those of the card.
        """
        scorer, names = ModeScorer(self._model, self.card.scaler, self._columns), self.card.modes or ()
        if scorer.modes != len(names):
            raise BundleError(f"bundle {self.hash[:12]}: expected {len(names)} failure modes, got {scorer.modes}")
        return scorer

    @cached_property
    def _model(self) -> Any:
        return archive.unpack(self.archive)

    @property
    def _columns(self) -> list[int]:
        return [self.names.index(name) for name in self.card.inputs]


def bundle_from_dense(
    feature_set: FeatureSet,
    inputs: Sequence[str],
    *,
    mean: ArrayLike,
    deviation: ArrayLike,
    layers: Sequence[tuple[ArrayLike, ArrayLike]],
    threshold: float,
    machine_id: str | None = None,
) -> Bundle:
    """A classifier of given weights: x scaled by mean and deviation (inputs,), relu layers, a sigmoid at the end.

    Args:
        layers: (kernel (in, out), bias (out,)) of each.
    """
    dense = [Dense(np.asarray(kernel, np.float32), np.asarray(bias, np.float32)) for kernel, bias in layers]
    model = networks.dense_model(dense, ["relu"] * (len(dense) - 1) + ["sigmoid"])
    card = Card(
        kind="classifier",
        machine_class=feature_set.class_name,
        machine_id=machine_id,
        feature_set=feature_set.version,
        features=feature_set.names,
        inputs=tuple(inputs),
        scaler=Scaler.of(mean, deviation, LARGEST),
        threshold=threshold,
        environment=runtime.environment(),
    )
    return Bundle(card, archive.pack(model))


def _version(folder: Path) -> int:
    """The format, which says how all the rest is to be read: looked at first, and trusted for nothing else."""
    path = folder / "bundle.json"
    if path.is_symlink() or not path.is_file():
        raise BundleError(f"{folder}: expected a bundle's folder with the files {sorted(FILES)}, got no bundle.json")
    return _decode(path, _content(path), formats.Version).format


def _load(folder: Path) -> Bundle:
    files = _verified(folder)
    bundle = Bundle(_card(folder / "bundle.json", files["bundle.json"]), files["model.keras"])
    archive.check(bundle.archive)
    if bundle.hash != folder.name:
        raise BundleError(f"{folder}: expected content of the hash that names the folder, got {bundle.hash}")
    return bundle


_READERS = {FORMAT: _load, WITH_ATTRIBUTES: _load}
"""By format."""


def _is_whole(folder: Path) -> bool:
    try:
        Bundle.load(folder)
    except BundleError:
        return False
    return True


def _verified(folder: Path) -> dict[str, bytes]:
    """Contents of the files, each as the manifest says, and no others."""
    everything = set(folder.iterdir())
    names = {path.name for path in everything if path.is_file() and not path.is_symlink()}
    if not names == {path.name for path in everything} == FILES:
        raise BundleError(f"{folder}: expected the files {sorted(FILES)}, got {sorted(p.name for p in everything)}")
    files = {name: _content(folder / name) for name in FILES}
    manifest = _decode(folder / "manifest.json", files.pop("manifest.json"), dict[str, str])
    for name, content in files.items():
        found = hashlib.sha256(content).hexdigest()
        if manifest.get(name) != found:
            raise BundleError(f"{folder / name}: expected sha256 {manifest.get(name)}, got {found}")
    return files


def _content(path: Path) -> bytes:
    size = path.stat().st_size
    if size > archive.LARGEST:
        raise BundleError(f"{path}: expected at most {archive.LARGEST} bytes, got {size}")
    return path.read_bytes()


def _card(path: Path, content: bytes) -> Card:
    card = _decode(path, content, Card)
    attributes = (card.attributes or NONE).names
    if (card.format == WITH_ATTRIBUTES) != bool(attributes):
        raise BundleError(f"{path}: expected attributes in format {WITH_ATTRIBUTES} alone, got {len(attributes)}")
    if not len(card.inputs) == len(card.scaler.centre) == len(card.scaler.gain) or set(card.inputs) - {
        *card.features,
        *attributes,
    }:
        raise BundleError(f"{path}: expected inputs among the features, each with a centre and a gain")
    return card


def _decode(path: Path, content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError as error:
        raise BundleError(f"{path}: expected a bundle's description, got {error}") from error
