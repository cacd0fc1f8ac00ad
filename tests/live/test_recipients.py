#!/usr/bin/python3
"""smtpfwdctl recipients: what is known of mailboxes, imported, listed and forgotten, over restarts, reloads and kills."""
import os
import signal
import subprocess
import time

import world

CTL = world.BUILD + "/smtpfwd/smtpfwdctl"
RELAY = world.Relay('"127.0.0.1:1"', 'relay "two" { domains = { "example.net", ".example.net" } next-hop = { "127.0.0.1:1" } }')
LIST = world.WORK + "/mailboxes"
FILE = RELAY.spool + "/recipients"


def ctl(*words, stdin=None):
    return subprocess.run([CTL, "-c", RELAY.config, "recipients", *words], capture_output=True, text=True, timeout=60, input=stdin)


def known(*words):
    """Address and relay of each that is known, and what."""
    rows = RELAY.ctl("recipients", "list", *words)
    return {(row["recipient"]["relay"], row["recipient"]["address"]): row["recipient"]["known"] for row in rows if "recipient" in row}


def counts():
    return {row["relay"]["name"]: (row["relay"]["good"], row["relay"]["bad"]) for row in RELAY.ctl("recipients", "list") if "relay" in row}


def lines(path, *texts):
    with open(path, "wb") as out:
        out.write(b"".join(text.encode() + b"\n" for text in texts))


def imported(tap):
    """A list of mailboxes"""
    result = ctl("list")
    tap("nothing is known at first", result.returncode == 0 and 'relay "' not in result.stdout and
        sorted(result.stdout.splitlines()) == ["relay example.com: 0 good, 0 bad", "relay two: 0 good, 0 bad"], result.stdout + result.stderr)
    lines(LIST, "# mailboxes", "", "  bob@example.com \r", "Ann@EXAMPLE.com", "eve@a.example.net", '"two words"@example.com', "j\u00f6rg@example.com")
    result = ctl("import", LIST)
    tap("a list is imported, each to the relay of its domain", (result.returncode, result.stdout) == (0, "5 recipients\n"), result)
    tap("and known: local parts as written, domains in lower case", known() == {
        ("example.com", "bob@example.com"): "good", ("example.com", "Ann@example.com"): "good", ("two", "eve@a.example.net"): "good",
        ("example.com", '"two words"@example.com'): "good", ("example.com", "j\u00f6rg@example.com"): "good"}, known())
    tap("of one relay", known("--relay", "two") == {("two", "eve@a.example.net"): "good"})
    tap("one of them, in any case of its domain", known("bob@Example.COM") == {("example.com", "bob@example.com"): "good"})
    tap("one that is not known", known("nobody@example.com") == {("example.com", "nobody@example.com"): "unknown"})
    result = ctl("import", "-", "--bad", stdin="gone@example.com\n")
    shown = ctl("list", "gone@example.com").stdout
    tap("some are known to be bad", result.returncode == 0 and shown.startswith("gone@example.com  bad  relay example.com, told 20") and
        ", until 20" in shown, shown)
    result = ctl("import", "-", stdin="x@elsewhere.example\nno address\nsue@example.com\nx@[192.0.2.1]\n")
    tap("what is no recipient of ours is refused, the rest is taken", result.returncode == 1 and result.stdout == "1 recipient\n" and
        result.stderr.count("smtpfwdctl: ") == 3 and "x@elsewhere.example has a domain that no relay takes" in result.stderr and
        "no address is no address" in result.stderr, result)
    for words in (("import", "/nowhere"), ("list", "--relay", "gone"), ("list", "x@elsewhere.example"), ("forget", "--relay", "gone")):
        result = ctl(*words)
        tap("%s is an error" % " ".join(words), result.returncode == 1 and result.stderr.startswith("smtpfwdctl: "), result)
    for words in (("forget",), ("forget", "bob@example.com", "--all"), ("import",), ("list", "a@b.example", "c")):
        tap("recipients %s is wrong use" % " ".join(words), ctl(*words).returncode == 2)


def kept(tap):
    """Restarts, kills, reloads"""
    before = known()
    tap("a clean end writes all", RELAY.stop() == 0)
    tap("to a file that only we can read", os.stat(FILE).st_mode & 0o777 == 0o600)
    RELAY.start()
    tap("after a restart all is known", known() == before, known())
    lines(LIST, *("user%05d@example.com" % i for i in range(20000)))
    begin = time.monotonic()
    result = ctl("import", LIST)
    tap("20,000 are imported", result.stdout == "20000 recipients\n" and time.monotonic() - begin < 20, result)
    world.wait_for("they are written", lambda: os.path.getsize(FILE) > 20000 * 40)
    time.sleep(1)
    RELAY.kill()
    RELAY.start()
    tap("after a kill, some seconds later, all is known", counts()["example.com"] == (20000 + 5, 1), counts())
    result = ctl("list", "--relay", "example.com")
    tap("and listed, and counted", result.stdout.count("\n") == 20007 and "relay example.com: 20005 good, 1 bad\n" in result.stdout,
        result.stdout[-200:])
    text = RELAY.text
    with open(RELAY.config, "w") as out:
        out.write(text.replace('relay "two"', 'relay "three"'))
    RELAY.ctl("reload")
    tap("at a reload relays that are gone are forgotten, others stay", counts() == {"example.com": (20005, 1), "three": (0, 0)}, counts())
    with open(RELAY.config, "w") as out:
        out.write(text)
    RELAY.process.send_signal(signal.SIGHUP)
    world.wait_for("the reload", lambda: "two" in counts())
    tap("and not known when they are back", counts()["two"] == (0, 0), counts())


def forgotten(tap):
    """One, a relay, all"""
    tap("one is forgotten", ctl("forget", "user00007@example.com").stdout == "1 recipient\n" and
        known("user00007@example.com") == {("example.com", "user00007@example.com"): "unknown"})
    tap("one that was not known", ctl("forget", "user00007@example.com").stdout == "0 recipients\n")
    ctl("import", "-", stdin="eve@example.net\n")
    tap("all of a relay", ctl("forget", "--relay", "example.com").stdout == "20005 recipients\n" and known() == {("two", "eve@example.net"): "good"})
    RELAY.stop()
    RELAY.start()
    tap("and stay so", known() == {("two", "eve@example.net"): "good"}, known())
    tap("all", ctl("forget", "--all").stdout == "1 recipient\n" and known() == {})
    text = RELAY.log_text()
    tap("the log says who changed what", "recipients-imported" in text and "recipients-forgotten" in text, text[-1000:])


def damaged(tap):
    """The file"""
    lines(LIST, *("user%05d@example.com" % i for i in range(100)))
    ctl("import", LIST)
    RELAY.stop()
    with open(FILE, "r+b") as out:
        out.seek(os.path.getsize(FILE) // 2)
        out.write(b"\xff\xff\xff")
    RELAY.start()
    n = len(known())
    tap("of a damaged one the beginning is known", 0 < n < 100 and "recipients-trouble" in RELAY.log_text(), n)
    RELAY.stop()
    with open(FILE, "wb") as out:
        out.write(os.urandom(100000))
    RELAY.start()
    tap("of a foreign one nothing, and mail is taken", known() == {})
    ctl("import", LIST)
    RELAY.stop()
    RELAY.start()
    tap("it is written anew", len(known()) == 100)
    RELAY.stop()
    os.unlink(FILE)
    os.mkdir(FILE)
    RELAY.start()
    ctl("import", LIST)
    tap("where it cannot be written we run on", len(known()) == 100 and RELAY.stop() == 0)
    os.rmdir(FILE)


RELAY.start()
world.Tap().run(imported, kept, forgotten, damaged)
