"""The errors Headrace raises on purpose: one small tree, one sentence each, saying what was expected and what came."""

from __future__ import annotations


class HeadraceError(Exception):
    """Base of every error that Headrace raises on purpose; its text is fit to show to a person."""


class PlantError(HeadraceError):
    """The plant description is not valid; the text names the file, the line and the path in it."""


class FeatureSetMismatchError(HeadraceError):
    """Features, a bundle or a store were made for another feature-set version than the plant's."""


class BundleError(HeadraceError):
    """A model bundle is missing, incomplete, tampered with, or of an unknown format version."""


class StateError(HeadraceError):
    """A snapshot cannot be used, or the input it needs is no longer kept by the broker."""


class DamagedError(StateError):
    """A snapshot is not as it was written; the whole input, where it is kept, replaces it."""


class FormatError(StateError):
    """Something was written in a format that this version does not know; it is whole, and must be left as it is."""


class ServiceError(HeadraceError):
    """A service (Kafka, Redis, an embedded one) cannot be reached or started; the text says what to do."""
