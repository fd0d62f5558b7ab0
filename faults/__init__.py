"""Breaks a running Headrace on purpose and compares what it left with what nothing happened to.

Run from the checkout (`make faults`); the tests use its plant, its oracle and its processes.
"""
