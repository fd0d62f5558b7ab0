"""One file per kind of detector; all keep the contract of `training.detectors.base`."""
