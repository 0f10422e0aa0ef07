"""How much each tenant has to do, as the carriers of the flights data."""

import math

import pytest

from benchmarks.tenants._skew import departures, fitted, shares


def test_the_carriers_have_their_own_shares():
    """United had 4,637 of the 27,004 departures in January 2013, SkyWest one."""
    assert 27_004 == sum(departures())
    assert pytest.approx(4_637 / 27_004) == shares(16)[0]
    assert pytest.approx(1 / 27_004) == shares(16)[-1]


@pytest.mark.parametrize("tenants", [1, 10, 100, 10_000])
def test_shares_are_of_all_messages_the_largest_first(tenants):
    found = shares(tenants)

    assert tenants == len(found)
    assert 1.0 == pytest.approx(math.fsum(found))
    assert sorted(found, reverse=True) == found


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_what_follows_zipfs_law_is_found_to_follow_it(exponent):
    counts = [round(1e9 * rank**-exponent) for rank in range(1, 20)]

    assert pytest.approx(exponent, abs=1e-4) == fitted(counts)


def test_nobody_has_no_share():
    with pytest.raises(ValueError, match="tenants=0"):
        shares(0)
