"""The other units that a quantity is often sent in, for sensors and gateways that were set up wrongly."""

from __future__ import annotations

from typing import NamedTuple


class OtherUnit(NamedTuple):
    """A value in it is factor · value + offset."""

    name: str
    """UCUM."""
    factor: float
    offset: float = 0.0


OTHER_UNITS = {
    "A": OtherUnit("mA", 1000.0),
    "Cel": OtherUnit("[degF]", 1.8, 32.0),
    "N.m": OtherUnit("[ft_i].[lbf_av]", 1.0 / 1.3558179483),
    "bar": OtherUnit("kPa", 100.0),
    "g": OtherUnit("m/s2", 9.80665),
    "kN": OtherUnit("[lbf_av]", 1000.0 / 4.4482216153),
    "kW": OtherUnit("W", 1000.0),
    "m/s": OtherUnit("[ft_i]/min", 60.0 / 0.3048),
    "m3/h": OtherUnit("[gal_us]/min", 1.0 / 0.2271247068),
    "m3/min": OtherUnit("[cft_i]/min", 1.0 / 0.3048**3),
    "mm/s": OtherUnit("[in_i]/s", 1.0 / 25.4),
    "rpm": OtherUnit("Hz", 1.0 / 60.0),
    "t/h": OtherUnit("kg/s", 1.0 / 3.6),
}
"""A channel's unit, as plant descriptions write it → the one it is mistaken for. Factors: NIST SP 811, annex B."""
