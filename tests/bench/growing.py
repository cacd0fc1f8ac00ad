"""growing.py - tables of how cost grows: a row for each size of what grows, told as it is measured"""
import argparse
import contextlib
import sys

import rounds
from standing import standing


class Ground:
    """What all tables of a run stand on: its options and keys."""

    def __init__(self, options, secrets):
        self.options, self.secrets = options, secrets

    @contextlib.contextmanager
    def smtpfwd(self, workload, **settings):
        """One that serves, under a workload, with settings in the place of some options."""
        options = argparse.Namespace(**dict(vars(self.options), **settings))
        with standing("smtpfwd", options, workload, self.secrets) as found:
            yield found


def say(text):
    """For who waits."""
    print(text, file=sys.stderr, flush=True)


def cell(name, value):
    return "%.*f" % (rounds.digits_of(name), value) if isinstance(value, float) else str(value)


def print_rows(rows):
    """Numbers under their names; what a row does not have is -."""
    names = list(dict.fromkeys(name for row in rows for name in row if name != "wrong"))
    lines = [names] + [[cell(name, row.get(name, "-")) for name in names] for row in rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(names))]
    for line in lines:
        print("  " + "  ".join(text.rjust(width) for text, width in zip(line, widths)))


def ways_wrong(*ways):
    """What went wrong in several measurements of a row, or ''."""
    return "; ".join(way for way in ways if way)
