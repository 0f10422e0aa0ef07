"""The month's file: read as it is, counted from it alone, and refused with the place of a fault."""

import gzip

import pytest

from examples.flights import truth
from examples.flights.data import MONTH, DataError, airline_names, read_departures

HEADER = "year,month,day,time_hour,carrier,flight,origin,dest,sched_dep_time,dep_time,dep_delay"
ROW = "2013,1,1,2013-01-01T10:00:00Z,UA,1545,EWR,IAH,515,517,2"


@pytest.fixture
def write(tmp_path):
    def write(*lines, header=HEADER):
        path = tmp_path / "month.csv"
        path.write_text("\n".join((header, *lines)) + "\n")
        return path

    return write


def test_the_month_is_as_the_source_says():
    month = truth.count(MONTH)

    assert (month.rows.total(), month.cancelled.total(), month.late.total()) == (27_004, 521, 4_918)
    assert len(month.rows) == 16
    assert (month.rows["UA"], month.rows["HA"], month.rows["OO"]) == (4_637, 31, 1)


def test_every_row_has_an_id_of_its_own_and_a_carrier_with_a_name():
    rows = list(read_departures(MONTH))

    assert len({row.id for row in rows}) == 27_004
    assert {row.carrier for row in rows} == set(airline_names())


def test_the_parser_and_the_truth_agree():
    rows = list(read_departures(MONTH))

    assert sum(row.departed is None for row in rows) == 521
    assert sum(row.delay is not None and row.delay > 15 for row in rows) == 4_918


@pytest.mark.parametrize("missing", ["", "NA"])
def test_a_flight_without_departure_is_cancelled(write, missing):
    (row,) = read_departures(write(ROW.replace("517,2", f"{missing},{missing}")))

    assert (row.departed, row.delay) == (None, None)


def test_equal_rows_are_departures_of_their_own(write):
    """Their ids are the same on each reading, whatever stands between them."""
    first, second = read_departures(write(ROW, ROW))

    assert (first.id, second.id) == ("2013-01-01/UA1545/EWR/0515", "2013-01-01/UA1545/EWR/0515#2")


def test_gzip_is_told_by_its_content_not_by_its_name(write, tmp_path):
    packed = tmp_path / "month.data"
    packed.write_bytes(gzip.compress(write(ROW).read_bytes()))

    assert len(list(read_departures(packed))) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (("517,2", "2517,2"), "column dep_time: '2517' must be a time of day, HHMM"),
        (("517,2", "517,soon"), "column dep_delay: 'soon' must be a whole number"),
        (("517,2", "NA,2"), "column dep_delay: '2' must be there exactly when dep_time is"),
        (("UA", "united"), "column carrier: 'united' must be a code of 2 capitals or digits"),
        (("2013,1,1,", "2013,2,30,"), "column day: '30' no such day in 2013-2"),
        (("1545", "1_545"), "column flight: '1_545' must be a whole number"),
        (("517,2", "517"), "10 fields where the header has 11"),
    ],
)
def test_a_fault_is_reported_with_its_line_and_column(write, fault, said):
    path = write(ROW, ROW.replace(*fault))

    with pytest.raises(DataError) as caught:
        list(read_departures(path))

    assert f"month.csv, line 3{', ' if said.startswith('column') else ': '}{said}" in str(
        caught.value
    )


def test_a_missing_column_is_named(write):
    with pytest.raises(DataError, match="line 1: no column dep_delay"):
        list(read_departures(write(header=HEADER.removesuffix(",dep_delay"))))


def test_a_file_without_rows_is_refused(write, tmp_path):
    (tmp_path / "empty.csv").touch()

    with pytest.raises(DataError, match="no departures below the header"):
        list(read_departures(write()))
    with pytest.raises(DataError, match="empty file"):
        list(read_departures(tmp_path / "empty.csv"))


def test_what_cannot_be_read_is_a_clear_error(tmp_path):
    damaged = tmp_path / "cut.csv.gz"
    damaged.write_bytes(MONTH.read_bytes()[:5_000])
    binary = tmp_path / "picture.csv"
    binary.write_bytes(b"\xff\xd8\xff\xe0")

    for path, said in [
        (damaged, "damaged gzip file"),
        (binary, "not a text file in UTF-8"),
        (tmp_path / "none.csv", "No such file"),
        (tmp_path, "Is a directory"),
    ]:
        with pytest.raises(DataError, match=said):
            list(read_departures(path))
