#!/usr/bin/python3
"""scenario_filter.py - a content filter as large installations have one: a milter by python3-milter, which lets all pass and notes what it saw

	scenario_filter.py SOCKET FILE

A line of JSON in FILE for each mail that it saw whole.
"""
import json
import sys

import Milter


class Filter(Milter.Base):
    def envfrom(self, path, *_):
        self.seen = {"service": self.getsymval("{daemon_name}"), "sender": path, "recipients": [], "fields": []}
        return Milter.CONTINUE

    def envrcpt(self, path, *_):
        self.seen["recipients"].append(path)
        return Milter.CONTINUE

    def header(self, name, value):
        self.seen["fields"].append((name.lower(), value.strip()))
        return Milter.CONTINUE

    def eom(self):
        with open(sys.argv[2], "a") as out:
            out.write(json.dumps(self.seen) + "\n")
        return Milter.CONTINUE


if __name__ == "__main__":
    Milter.factory = Filter
    Milter.runmilter("filter", sys.argv[1], 60)
