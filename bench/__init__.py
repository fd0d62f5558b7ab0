"""Benchmarks on a real broker: one job, the same input and reference answer for everyone who does it.

`bench.job` says what the job is, `bench.telemetry` makes its input, `bench.reference` its answer; `bench.run` measures.
"""
