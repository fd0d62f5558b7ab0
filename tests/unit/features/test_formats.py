"""Formats: the reader is chosen by the number alone."""

import pytest

from features.errors import BundleError, FormatError, StateError
from features.formats import reader


def test_a_known_version_has_its_reader():
    assert reader({1: "one", 2: "two"}, 2, "record") == "two"


@pytest.mark.parametrize("version", [0, 3, -1, 2**70])
def test_another_is_refused_with_what_was_found_what_is_known_and_the_way_out(version):
    with pytest.raises(FormatError, match=rf"^record: expected format 1 or 2, got {version}: .*upgrade.*upgrading\.md"):
        reader({2: "two", 1: "one"}, version, "record")
    assert issubclass(FormatError, StateError)
    with pytest.raises(BundleError):
        reader({}, version, "bundle", BundleError)
