"""Offline features to evaluated, content-hashed model bundles. Only its bundle and registry are imported elsewhere."""
