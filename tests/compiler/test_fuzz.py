"""A fixed slice of the fuzzer: the same random programs every time."""

import pytest

from compiler.fuzz import Report, session
from support import sliced


@pytest.mark.parametrize("seed", sliced(["fixed.1", "fixed.2", "fixed.4", "fixed.5"], 4))
def test_random_programs_do_the_same_in_both_lives(seed, tmp_path):
    report = Report()
    session(seed, modules=3, seconds=60, directory=tmp_path, report=report)
    assert not report.failures, report.failures[0]
    assert min(report.runs[bits] for bits in (32, 64)) > 350
    assert report.outcomes["panic"] and report.outcomes["error"]


def test_few_random_programs_are_refused(tmp_path):
    report = Report()
    session("fixed.3", modules=2, seconds=60, directory=tmp_path, report=report)
    assert sum(report.refused.values()) * 5 < report.programs
