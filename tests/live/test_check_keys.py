#!/usr/bin/python3
"""smtpfwdctl check-keys: what the DNS shows of our keys, and what it should."""
import base64
import json
import os
import re
import subprocess
import time

import names
import world

KEYS = world.WORK + "/keys"
CTL = world.BUILD + "/smtpfwd/smtpfwdctl"
ZONE = names.Names()
NAME = "2026a._domainkey.example.com"


def keygen(domain, selector, *words):
    """The record of a new key, as text."""
    made = subprocess.run([CTL, "keygen", "--directory", KEYS, *words, domain, selector], check=True, capture_output=True, text=True)
    return "".join(re.findall(r'"([^"]*)"', made.stdout))


def config(name, *sections):
    """Each "DOMAIN: SELECTOR ... [setting ...]"."""
    text = ""
    for section in sections:
        domain, selectors = section.split(":", 1)
        selectors, _, more = selectors.partition("|")
        listed = selectors.split()
        text += 'sign "%s" { selector = { %s } key = { %s } %s }\n' % (
            domain, ", ".join('"%s"' % s for s in listed), ", ".join('"%s/%s.%s.pem"' % (KEYS, s, domain) for s in listed), more)
    return world.Relay('"127.0.0.1:1"', text + ZONE.section("timeout = 1s tries = 1"), name=name).config


def check(path, *words, is_json=True):
    result = subprocess.run([CTL, "-c", path, *(["--json"] if is_json else []), "check-keys", *words], capture_output=True, text=True, timeout=120)
    return result.returncode, [json.loads(line) for line in result.stdout.splitlines()] if is_json else result.stdout, result.stderr


RECORD = keygen("example.com", "2026a")
ED = keygen("example.com", "2026e", "--ed25519")
OTHER = keygen("example.net", "s")
BELOW = keygen("example.org", "s")
ONE = config("one", "example.com: 2026a")


def records(tap):
    """One key, many records"""
    p = RECORD.split("p=")[1]
    cases = (
        ("the record that keygen printed", [("TXT", RECORD)], 0, "right", False),
        ("with blanks in it, another order and unknown tags", [("TXT", "v=DKIM1; x=y; p=%s %s; k = rsa" % (p[:99], p[99:]))], 0, "right", False),
        ("a minimal one: k= is rsa unless said", [("TXT", "p=" + p)], 0, "right", False),
        ("beside a record of another kind", [("TXT", RECORD), ("TXT", "verification=123")], 0, "right", False),
        ("a key for tests is right", [("TXT", RECORD.replace("p=", "t=y; p="))], 0, "right", True),
        ("h= and s= that allow it", [("TXT", "v=DKIM1; h=sha1:sha256; s=email; p=" + p)], 0, "right", False),
        ("by an alias", [("CNAME", "elsewhere.example")], 0, "right", False),
        ("no such name", [], 1, "no-record", False),
        ("a name without TXT", [("A", "192.0.2.1")], 1, "no-record", False),
        ("two records of other kinds only", [("TXT", "a"), ("TXT", "b")], 1, "no-record", False),
        ("another key", [("TXT", OTHER)], 1, "differs", False),
        ("one letter off", [("TXT", RECORD[:-9] + ("A" if RECORD[-9] != "A" else "B") + RECORD[-8:])], 1, "differs", False),
        ("its end is cut off", [("TXT", RECORD[:-12])], 1, "differs", False),
        ("revoked", [("TXT", "v=DKIM1; k=rsa; p=")], 1, "revoked", False),
        ("of another type", [("TXT", ED)], 1, "other-type", False),
        ("h= does not allow it", [("TXT", "v=DKIM1; h=sha1; p=" + p)], 1, "no-sha256", False),
        ("s= does not allow it", [("TXT", "v=DKIM1; s=chat; p=" + p)], 1, "not-for-mail", False),
        ("no key record", [("TXT", "hello \\x1b[31m")], 1, "malformed", False),
        ("another version", [("TXT", "v=DKIM2; p=" + p)], 1, "malformed", False),
        ("two keys", [("TXT", RECORD), ("TXT", OTHER)], 1, "several-records", False),
        ("the same one twice", [("TXT", RECORD), ("TXT", RECORD + ";")], 1, "several-records", False),
        ("a long one", [("TXT", RECORD + "; n=" + "x" * 5000)], 1, "too-long", False),
        ("the DNS fails", [("SERVFAIL", "")], 75, "unsettled", False),
        ("the DNS does not answer", [("TIMEOUT", "")], 75, "unsettled", False),
    )
    ZONE.add_row("elsewhere.example", "TXT", RECORD)
    for name, rows, status, result, is_testing in cases:
        ZONE.replace(NAME, *rows)
        got_status, found, errors = check(ONE)
        tap("%s: %s" % (name, result), got_status == status and len(found) == 1 and found[0]["result"] == result and found[0]["testing"] == is_testing,
            (got_status, found, errors))
        shows = result not in ("right", "unsettled")
        tap("... %s" % ("what to publish is shown" if shows else "nothing to publish"), ("publish" in found[0]) == shows and (not shows or
            "".join(re.findall(r'"([^"]*)"', found[0]["publish"])) == RECORD and found[0]["publish"].startswith(NAME + ". IN TXT ")), found)


def texts(tap):
    """For people"""
    ZONE.replace(NAME, ("TXT", OTHER))
    status, text, _ = check(ONE, is_json=False)
    tap("what is wrong, then the record for the zone", status == 1 and
        re.match(r"example\.com, selector 2026a \(RSA, 2048 bits\): the record has another key\n.*\n2026a\._domainkey\.example\.com\. IN TXT", text), text)
    ZONE.replace(NAME, ("TXT", "v=DKIM1; t=y; p=" + RECORD.split("p=")[1]))
    status, text, _ = check(ONE, is_json=False)
    tap("a key for tests", status == 0 and "right; it says that the key is for tests (t=y)" in text, text)
    ZONE.replace(NAME, ("TXT", "\\x1b]0;owned\\x07; p=\\x9b"))
    status, text, _ = check(ONE, is_json=False)
    tap("no byte of the record steers the terminal", status == 1 and not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text), repr(text))


def sections(tap):
    """Several sections"""
    ZONE.replace(NAME, ("TXT", RECORD))
    ZONE.replace("2026e._domainkey.example.com", ("TXT", ED))
    ZONE.replace("s._domainkey.example.net", ("TXT", RECORD))
    ZONE.replace("s._domainkey.example.org", ("TXT", BELOW.replace("p=", "t=s; p=")))
    path = config("all", "example.com: 2026a 2026e", "example.net: s", 'example.org: s | identity = "@mail.example.org"')
    status, found, _ = check(path)
    tap("each key has its line", status == 1 and [(row["domain"], row["selector"], row["result"]) for row in found] == [
        ("example.com", "2026a", "right"), ("example.com", "2026e", "right"), ("example.net", "s", "differs"),
        ("example.org", "s", "not-for-identity")], found)
    tap("and its kind", [row["algorithm"] for row in found[:2]] == ["rsa-sha256", "ed25519-sha256"] and found[0]["bits"] == 2048, found)
    status, found, _ = check(path, "Example.COM")
    tap("one domain alone, in any case", status == 0 and len(found) == 2, found)
    status, found, errors = check(path, "other.example")
    tap("a domain without a section", status == 2 and not found and "no section sign or arc" in errors, errors)
    ZONE.replace("s._domainkey.example.net", ("SERVFAIL", ""))
    tap("what is wrong weighs more than what is not known", check(path)[0] == 1)
    os.chmod(KEYS + "/2026a.example.com.pem", 0o644)
    status, found, _ = check(path, "example.com")
    os.chmod(KEYS + "/2026a.example.com.pem", 0o600)
    tap("a key that everybody reads is not used", status == 1 and found[0]["result"] == "no-key" and "2026a.example.com.pem" in found[0]["problem"], found)
    os.rename(KEYS + "/2026a.example.com.pem", KEYS + "/away")
    status, found, _ = check(path, "example.com")
    os.rename(KEYS + "/away", KEYS + "/2026a.example.com.pem")
    tap("nor one that is not there", status == 1 and found[0]["result"] == "no-key" and found[1]["result"] == "right", found)
    for i in range(40):
        os.link(KEYS + "/s.example.net.pem", KEYS + "/s.d%d.example.pem" % i)
    many = config("many", *["d%d.example: s" % i for i in range(40)])
    ZONE.all_do(("TIMEOUT", ""))
    began = time.monotonic()
    status, found, _ = check(many)
    took = time.monotonic() - began
    ZONE.all_do()
    tap("forty domains whose servers are silent are not waited for one by one", status == 75 and len(found) == 40 and took < 15, (status, len(found), took))
    status, found, _ = check(many)
    tap("each has its own answer, in the order of the file", status == 1 and [row["domain"] for row in found] == ["d%d.example" % i for i in range(40)])
    status, found, errors = check(config("none"))
    tap("a configuration that signs nothing", status == 2 and "no section sign or arc" in errors, errors)
    tap("wrong use", check(path, "a..b")[0] == 2 and check(path, "a.example", "b.example")[0] == 2)


world.Tap().run(records, texts, sections)
