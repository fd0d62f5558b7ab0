"""The inside of a `.keras` file: what it may contain, and what of it makes a model the same model."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from features.errors import BundleError
from training import runtime

MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
LARGEST = 1 << 28
"""Most bytes of a model, unpacked."""
CLASSES = {
    ("keras.src.models.functional", "Functional"),
    *(
        ("keras.layers", name)
        for name in ("InputLayer", "Dense", "Subtract", "Concatenate", "Dot", "Average", "Multiply", "Add", "Maximum")
    ),
    *(("keras.initializers", name) for name in ("GlorotUniform", "Zeros")),
    ("keras", "DTypePolicy"),
    (None, "__keras_tensor__"),
}
"""What a scoring model is made of; anything else in a configuration is refused before Keras sees it."""
ACTIVATIONS = {"linear", "relu", "sigmoid"}
NOT_CONTENT = {"shared_object_id"}
"""Keys of a configuration that hold addresses of the process that saved it."""


def pack(model: Any) -> bytes:
    """The model as the bytes of a `.keras` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def unpack(archive: bytes) -> Any:
    """The model, by Keras's own reader in safe mode.

    Raises:
        BundleError: the archive holds anything but built-in layers of the allow-list.
    """
    check(archive)
    with tempfile.TemporaryDirectory() as folder, _expected("a model that Keras can read"):
        path = Path(folder) / "model.keras"
        path.write_bytes(archive)
        return runtime.keras().saving.load_model(path, compile=False, safe_mode=True)


def check(archive: bytes) -> None:
    """Raises BundleError where the configuration names a class or an activation beyond the allow-list."""
    with _expected("a configuration"):
        _check(json.loads(_members(archive)["config.json"]))


def digest(archive: bytes) -> str:
    """sha256 of architecture and weights; what Keras adds on saving (dates, addresses) does not count.

    Raises:
        BundleError: it is no Keras archive, or its weights are not plain arrays in HDF5.
    """
    members = _members(archive)
    found = hashlib.sha256(json.dumps(_content(json.loads(members["config.json"])), sort_keys=True).encode())
    with _expected("weights in HDF5"), h5py.File(io.BytesIO(members["model.weights.h5"]), "r") as weights:
        for name, dataset in sorted(_datasets(weights)):
            found.update(f"{name} {dataset.dtype.str} {dataset.shape} ".encode())
            found.update(dataset[()].tobytes())
    return found.hexdigest()


def _members(archive: bytes) -> dict[str, bytes]:
    with _expected("a Keras archive"), zipfile.ZipFile(io.BytesIO(archive)) as file:
        names = file.namelist()
        if set(names) != MEMBERS or len(names) != len(MEMBERS):
            raise BundleError(f"model.keras: expected the members {sorted(MEMBERS)}, got {sorted(names)}")
        size = sum(member.file_size for member in file.infolist())
        if size > LARGEST:
            raise BundleError(f"model.keras: expected at most {LARGEST} bytes unpacked, got {size}")
        return {name: file.read(name) for name in names}


@contextmanager
def _expected(what: str) -> Iterator[None]:
    """Whatever a reader makes of bytes that are no model becomes one sentence."""
    try:
        yield
    except BundleError:
        raise
    except Exception as error:  # zip, JSON, HDF5 and Keras have no one base for what odd bytes make them raise
        raise BundleError(f"model.keras: expected {what}, got {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """What a library found, as far as a sentence can hold it."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _datasets(weights: h5py.File) -> list[tuple[str, h5py.Dataset]]:
    """The arrays kept in the file itself; links that lead elsewhere are refused."""
    found: list[tuple[str, h5py.Dataset]] = []

    def visit(group: h5py.Group, path: str) -> None:
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise BundleError(f"model.keras: expected weights in the file itself, got a link at {path}/{name}")
            item = group[name]
            if isinstance(item, h5py.Group):
                visit(item, f"{path}/{name}")
            elif item.external or item.is_virtual:
                raise BundleError(
                    f"model.keras: expected weights in the file itself, got outside data at {path}/{name}"
                )
            elif item.dtype.kind not in "fiu" or item.nbytes > LARGEST:
                raise BundleError(
                    f"model.keras: expected numbers of at most {LARGEST} bytes, got {item.nbytes} of {item.dtype} at "
                    f"{path}/{name}"
                )
            else:
                found.append((f"{path}/{name}", item))

    visit(weights, "")
    return found


def _check(node: Any) -> None:
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _check(part)
    if not isinstance(node, dict):
        return
    if "class_name" in node or "module" in node or "registered_name" in node:
        named = (node.get("module"), node.get("class_name"))
        if named not in CLASSES or node.get("registered_name") not in (None, named[1]):
            raise BundleError(f"model.keras: expected built-in layers only, got {named[0]}.{named[1]}")
    if node.get("activation", "linear") not in ACTIVATIONS:
        raise BundleError(f"model.keras: expected an activation of {sorted(ACTIVATIONS)}, got {node['activation']!r}")


def _content(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _content(value) for key, value in node.items() if key not in NOT_CONTENT}
    return [_content(value) for value in node] if isinstance(node, list) else node
