#!/usr/bin/python3
"""The public test suite for RFC 7208 over SMTP: each case is a mail, and what smtpfwd found stands in the mail that arrives.

A relay for each of the suite's scenarios, because they say different things of the same names; each asks a name server
that has the scenario's zone.
"""
import concurrent.futures
import os
import re
import socket

import authres
import yaml

import names
import world

CASES = 203
AUTHSERV_ID = "old.example.com"
# Domains that MAIL FROM has no way to write (RFC 5321 4.1.2): the same is asked of HELO by a null reverse-path.
UNSAYABLE = ("emptylabel", "toolonglabel")

hop = world.NextHop()


def escaped(text):
    return "".join("\\x%02x" % ord(c) if not " " <= c <= "~" or c == "\\" else c for c in text)


def rows_of(records):
    """As the suite's own driver has it: SPF records are TXT where a name has no TXT, NONE is no record."""
    has_txt = any(isinstance(r, dict) and "TXT" in r for r in records)
    for record in records:
        if record == "TIMEOUT":
            yield "TIMEOUT", ""
            continue
        for kind, value in record.items():
            if value == "NONE" or kind == "SPF" and has_txt:
                continue
            if kind == "MX":
                value = "%d %s" % tuple(value)
            elif isinstance(value, list):
                value = "".join(value)
            yield "TXT" if kind == "SPF" else kind, escaped(value)


def path_of(mail_from):
    """As RFC 5321 writes it: the suite has some local parts that are to be quoted."""
    local, at, domain = mail_from.rpartition("@")
    if at and not re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+", local):
        local = '"%s"' % local
    return local + at + domain


def send(port, case, subject):
    client = world.Client(port)
    client.speak_for(case["host"], case["helo"])
    reply = client.mail(world.message(subject), sender=path_of(case["mailfrom"]))
    client.socket.close()
    return reply


class Scenario:
    def __init__(self, number, parsed):
        self.number, self.cases = number, parsed["tests"]
        for name in UNSAYABLE:
            if name in self.cases:
                case = self.cases[name]
                self.cases[name + "-as-mailfrom"] = dict(case, result="501")
                case["mailfrom"], case["helo"] = "", case["mailfrom"].rpartition("@")[2]
        zone = names.Names()
        for name, records in parsed["zonedata"].items():
            zone.add_row(escaped(name).replace(" ", "\\x20"), "EXISTS")
            for kind, value in rows_of(records):
                zone.add_row(escaped(name).replace(" ", "\\x20"), kind, value)
        self.relay = world.Relay('"127.0.0.1:%d"' % hop.port, name="suite%d" % number, listen_extra='xclient-from = { "127.0.0.1" }',
                                 extra=zone.section("timeout = 1s  tries = 1") + "\nverify { spf = yes  dkim = no  dmarc = off }\n")

    def subject(self, case):
        return "%d.%s" % (self.number, case)

    def run(self):
        """What was replied to each case."""
        self.relay.start()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            replies = pool.map(lambda case: send(self.relay.port, self.cases[case], self.subject(case)), self.cases)
            return dict(zip(self.cases, replies))


def found_in(mail, case):
    """The result for the case's identity in the mail's one field of ours, and why."""
    header = re.sub(r"\r\n(?=[ \t])", "", mail.split(b"\r\n\r\n")[0].decode())
    fields = [line for line in header.split("\r\n") if line.startswith("Authentication-Results: %s;" % AUTHSERV_ID)]
    if len(fields) != 1:
        return "%d fields" % len(fields), header
    parsed = authres.AuthenticationResultsHeader.parse(fields[0])
    identity = ("smtp", "mailfrom" if case["mailfrom"] else "helo")
    found = [result for result in parsed.results if result.method == "spf"
             and any((p.type, p.name) == identity for p in result.properties)]
    if len(found) != 1:
        return "%d results for %s" % (len(found), identity[1]), fields[0]
    return found[0].result, fields[0]


def suite(tap):
    """All cases of the suite"""
    with open(os.path.join(world.TOP, "tests/vectors/rfc7208-tests.yml"), "rb") as file:
        scenarios = [Scenario(number, parsed) for number, parsed in enumerate(yaml.safe_load_all(file))]
    with concurrent.futures.ThreadPoolExecutor(len(scenarios)) as pool:
        replies = list(pool.map(Scenario.run, scenarios))
    n_sent = sum(reply.startswith("250") for said in replies for reply in said.values())
    world.wait_for("all that were taken arrive", lambda: len(hop.mails) >= n_sent)
    n_cases = 0
    for scenario, said in zip(scenarios, replies):
        for name, case in scenario.cases.items():
            wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
            if wanted == ["501"]:
                tap("%s is refused" % name, said[name].startswith("501"), said[name])
                continue
            n_cases += 1
            mail = hop.mail_of(scenario.subject(name))
            if mail is None:
                tap(name, False, "it did not arrive: %s" % said[name])
                continue
            result, shown = found_in(mail, case)
            tap("%s: %s" % (name, result), result in wanted, "wanted %s: %s" % (wanted, shown))
    tap("they are all there", n_cases == CASES, n_cases)


socket.setdefaulttimeout(60)
world.Tap().run(suite)
