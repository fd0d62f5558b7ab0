"""Which bundle serves which machines, and since when: a folder of bundles and one file of pointers.

    <root>/bundles/<hash>/   immutable bundles
           champions.json    promotions of each scope, in the order in which they were made

A scope is a machine class, or `class/machine_id`; the narrower one wins. Readers see the pointer file before or after
a change, never in between; writers take turns by a lock. After a crash the last whole change stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from features import formats
from features.errors import BundleError
from features.schema import FeatureSet
from training.bundle import FILES, Bundle
from training.files import put_file, turn

FORMAT = 1
Stamp = tuple[tuple[int, int, int] | None, ...]
"""Of files: which, changed when, how long."""


class Promotion(msgspec.Struct, frozen=True):
    """A bundle that serves a scope."""

    bundle_hash: str
    effective_at_ms: int = 0
    """Event time: windows that end then or later are scored by this bundle (until the next one)."""
    rolled_back: bool = False
    """True: taken back; as if it had never been."""


class _Pointers(msgspec.Struct, frozen=True):
    format: int
    scopes: dict[str, list[Promotion]]


class Registry:
    """Bundles and their promotions under one folder."""

    EMPTY: Stamp = (None,)
    """The stamp while no promotion was ever made."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._bundles = self.root / "bundles"
        self._pointers = self.root / "champions.json"

    def add(self, bundle: Bundle | str | Path) -> str:
        """Keep a bundle, given as such or as its folder; returns its hash. Adding twice is adding once.

        Raises:
            BundleError: the folder does not verify.
        """
        found = bundle if isinstance(bundle, Bundle) else Bundle.load(bundle)
        return found.save(self._bundles).name

    def get(self, bundle_hash: str) -> Bundle:
        """Verified. Raises BundleError where there is none or it does not verify."""
        if not bundle_hash.isalnum():
            raise BundleError(f"registry: expected the hash of a bundle, got {bundle_hash!r}")
        return Bundle.load(self._bundles / bundle_hash)

    def get_for(self, scope: str, bundle_hash: str, feature_set: FeatureSet | None = None) -> Bundle:
        """As `get`, and fit to serve a scope.

        Raises:
            BundleError: it does not verify, or was made for another scope.
            FeatureSetMismatchError: it was made for other features than `feature_set` (None: not checked).
        """
        bundle = self.get(bundle_hash)
        if bundle.scope != scope:
            raise BundleError(f"registry: expected a bundle for {scope}, got {bundle_hash[:12]} for {bundle.scope}")
        if feature_set is not None:
            bundle.require(feature_set)
        return bundle

    def hashes(self) -> list[str]:
        """All bundles kept."""
        return sorted(path.name for path in self._bundles.glob("[0-9a-f]*"))

    def find(self, beginning: str) -> str:
        """The one hash that begins so. Raises BundleError where there is none, or more than one."""
        found = [name for name in self.hashes() if name.startswith(beginning)]
        if len(found) != 1:
            raise BundleError(
                f"registry: expected the beginning of one bundle's hash, got {beginning!r} of {len(found)}"
            )
        return found[0]

    def promote(
        self, scope: str, bundle_hash: str, effective_at_ms: int = 0, feature_set: FeatureSet | None = None
    ) -> Promotion:
        """Let a bundle serve a scope.

        Raises:
            BundleError: it does not verify, or was made for another scope.
            FeatureSetMismatchError: it was made for other features than `feature_set` (None: not checked).
        """
        self.get_for(scope, bundle_hash, feature_set)
        promotion = Promotion(bundle_hash, effective_at_ms)
        with self._changing() as scopes:
            scopes.setdefault(scope, []).append(promotion)
        return promotion

    def roll_back(self, scope: str) -> Promotion:
        """Take the newest promotion of a scope back; returns it.

        Raises:
            BundleError: there is none.
        """
        with self._changing() as scopes:
            history = scopes.get(scope, [])
            standing = [i for i, promotion in enumerate(history) if not promotion.rolled_back]
            if not standing:
                raise BundleError(f"registry: expected a promotion of {scope} to take back, got none")
            history[standing[-1]] = msgspec.structs.replace(history[standing[-1]], rolled_back=True)
            return history[standing[-1]]

    def promotions(self, scope: str) -> list[Promotion]:
        """All that were ever made, oldest first."""
        return self._read().get(scope, [])

    def champions(self) -> dict[str, list[Promotion]]:
        """Promotions that stand, by scope, in the order of their effective times; of equal times the last one wins."""
        standing = {scope: [p for p in history if not p.rolled_back] for scope, history in self._read().items()}
        return {scope: sorted(found, key=lambda p: p.effective_at_ms) for scope, found in standing.items() if found}

    def champion(self, scope: str) -> str | None:
        """Hash of the newest promotion that stands."""
        standing = [promotion for promotion in self.promotions(scope) if not promotion.rolled_back]
        return standing[-1].bundle_hash if standing else None

    def stamp(self, bundle_hash: str | None = None) -> Stamp:
        """Changes whenever a promotion is made or taken back; of a bundle, whenever its folder or a file in it does.

        Costs one stat, of a bundle one for each file.
        """
        if bundle_hash is None:
            return (_stamp(self._pointers),)
        folder = self._bundles / bundle_hash
        return tuple(map(_stamp, (folder, *(folder / name for name in sorted(FILES)))))

    def _read(self) -> dict[str, list[Promotion]]:
        try:
            content = self._pointers.read_bytes()
            version = msgspec.json.decode(content, type=formats.Version).format
            return formats.reader(_READERS, version, str(self._pointers), BundleError)(content)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise BundleError(f"{self._pointers}: expected promotions, got {error.strerror}") from error
        except msgspec.MsgspecError as error:
            raise BundleError(
                f"{self._pointers}: expected promotions, got {error}; put back a copy of the file, or remove it and "
                "promote again"
            ) from error

    @contextmanager
    def _changing(self) -> Iterator[dict[str, list[Promotion]]]:
        """The promotions, to be changed in place; written when the block ends well."""
        with turn(self.root):
            scopes = self._read()
            yield scopes
            content = msgspec.json.encode(_Pointers(FORMAT, scopes), order="sorted")
            put_file(self._pointers, msgspec.json.format(content))


def _read_1(content: bytes) -> dict[str, list[Promotion]]:
    return msgspec.json.decode(content, type=_Pointers).scopes


_READERS = {1: _read_1}
"""By format."""


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """None where there is nothing that can be looked at."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # a path with a zero byte is a ValueError
        return None
    return (found.st_ino, found.st_ctime_ns, found.st_size)
