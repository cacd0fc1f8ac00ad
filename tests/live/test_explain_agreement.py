#!/usr/bin/python3
"""smtpfwdctl explain and the running daemon say the same: replies to the client, and fields that come on top of a mail.

Each mail is explained, then sent by XCLIENT as from the same client; what the daemon stored is exported from its queue.
"""
import base64
import json
import os
import re
import smtplib
import subprocess

import dkim

import names
import world

KEYS = world.WORK + "/keys"
CTL = world.BUILD + "/smtpfwd/smtpfwdctl"
GOOD, OTHER, FORWARDER, NOBODY, INSIDE = "192.0.2.10", "198.51.100.66", "203.0.113.5", "2001:db8::9", "10.1.2.3"
os.makedirs(KEYS)


def sender_key():
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", KEYS + "/sender.pem", "2048"], check=True, capture_output=True)
    der = subprocess.run(["openssl", "pkey", "-in", KEYS + "/sender.pem", "-pubout", "-outform", "DER"], check=True, capture_output=True)
    return base64.b64encode(der.stdout).decode()


ZONE = names.Names("""
10.2.0.192.in-addr.arpa PTR mail.sender.example
mail.sender.example A 192.0.2.10
mail.sender.example TXT v=spf1 a -all
66.100.51.198.in-addr.arpa PTR mail.sender.example
5.113.0.203.in-addr.arpa PTR forwarder.example
forwarder.example A 203.0.113.5
forwarder.example TXT v=spf1 a -all
sender.example TXT v=spf1 ip4:192.0.2.10 exp=why.sender.example -all
why.sender.example TXT %%{i} may not send for %%{d}
_dmarc.sender.example TXT v=DMARC1; p=reject; adkim=r
s1._domainkey.sender.example TXT v=DKIM1; k=rsa; p=%s
slow._domainkey.sender.example SERVFAIL
quarantine.example TXT v=spf1 -all
_dmarc.quarantine.example TXT v=DMARC1; p=quarantine; sp=reject
loop.example TXT v=spf1 include:loop.example -all
soft.example TXT v=spf1 ?ip4:203.0.113.0/24 ~all
away.example SERVFAIL
_dmarc.away.example SERVFAIL
""" % sender_key())


def signed(mail, selector=b"s1", **how):
    return dkim.sign(mail, selector, b"sender.example", open(KEYS + "/sender.pem", "rb").read(), **how) + mail


def mail(author="alice@sender.example", more="", body="Hello.\r\n"):
    return ("%sFrom: <%s>\r\nTo: <bob@example.com>\r\nSubject: a mail\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
            "Message-ID: <1@sender.example>\r\n\r\n%s" % (more, author, body)).encode()


HOP = world.NextHop(offers=("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 100000000"))
SEEING = world.NextHop(offers=("PIPELINING", "8BITMIME", "SMTPUTF8", "XCLIENT ADDR NAME HELO PROTO"))
FORGED = "Authentication-Results: OLD.example.com; dmarc=pass header.from=bank.example\r\n"
LOOP = "Received: from a by old.example.com with SMTP; Sat, 21 Nov 2026 10:00:00 +0000\r\n" * 3
CASES = (       # name, mail, client, HELO, MAIL FROM
    ("an authentic mail", signed(mail()), GOOD, "mail.sender.example", "alice@sender.example"),
    ("the same without a signature", mail(), GOOD, "mail.sender.example", "alice@sender.example"),
    ("a forged sender", mail(), OTHER, "mail.sender.example", "alice@sender.example"),
    ("a forwarded mail", signed(mail()), FORWARDER, "forwarder.example", "alice@sender.example"),
    ("a list breaks the signature", signed(mail()) + b"footer\r\n", FORWARDER, "forwarder.example", "list@forwarder.example"),
    ("two signatures, one broken", signed(signed(mail()).replace(b"Subject: a", b"Subject: b")), GOOD, "mail.sender.example", "alice@sender.example"),
    ("a key that cannot be looked up", signed(mail(), b"slow"), OTHER, "x.example", "a@soft.example"),
    ("a key that is not there", signed(mail(), b"none"), OTHER, "x.example", "a@soft.example"),
    ("a policy of quarantine", mail("eve@quarantine.example"), OTHER, "x.example", "eve@quarantine.example"),
    ("a subdomain's policy", mail("eve@sub.quarantine.example"), OTHER, "x.example", "eve@x.example"),
    ("a domain whose DNS is away", mail("a@away.example"), OTHER, "x.example", "a@away.example"),
    ("a wrong record", mail("a@loop.example"), OTHER, "loop.example", "a@loop.example"),
    ("softfail", mail("a@soft.example"), OTHER, "x.example", "a@soft.example"),
    ("neutral", mail("a@soft.example"), FORWARDER, "forwarder.example", "a@soft.example"),
    ("a report of a server", mail("MAILER-DAEMON@forwarder.example"), FORWARDER, "forwarder.example", ""),
    ("a client without a name", mail("a@plain.example"), NOBODY, "x.example", "a@plain.example"),
    ("HELO with an address", mail("a@plain.example"), OTHER, "[198.51.100.66]", "a@plain.example"),
    ("a local part that needs quotes", mail("a@plain.example"), OTHER, "x.example", "\"a ; dmarc=pass\"@plain.example"),
    ("an internationalised sender", mail("j\u00fcrgen@b\u00fccher.example"), OTHER, "x.example", "j\u00fcrgen@b\u00fccher.example"),
    ("an internationalised author, but not in the envelope", mail("j\u00fcrgen@b\u00fccher.example"), OTHER, "x.example", "a@plain.example"),
    ("two authors", mail().replace(b"From: <alice@sender.example>", b"From: <alice@sender.example>, <eve@plain.example>"), GOOD, "x.example", "alice@sender.example"),
    ("no author", mail().replace(b"From:", b"X-From:"), GOOD, "x.example", "alice@sender.example"),
    ("results in our name", signed(mail(more=FORGED)), GOOD, "mail.sender.example", "alice@sender.example"),
    ("a loop", mail(more=LOOP), GOOD, "mail.sender.example", "alice@sender.example"),
    ("too many fields", mail(more="X: y\r\n" * 4500), GOOD, "mail.sender.example", "alice@sender.example"),
    ("a header section that is too large", mail(more=("X: %s\r\n" % ("y" * 900)) * 300), GOOD, "mail.sender.example", "alice@sender.example"),
    ("a NUL", mail(body="a\0b\r\n"), GOOD, "mail.sender.example", "alice@sender.example"),
    ("a bare CR", mail(body="a\rb\r\n"), GOOD, "mail.sender.example", "alice@sender.example"),
    ("a loop and a NUL", mail(more=LOOP, body="a\0b\r\n"), GOOD, "mail.sender.example", "alice@sender.example"),
    ("a loop, too large", mail(more=LOOP, body="0123456789abcdef\r\n" * 30000), GOOD, "mail.sender.example", "alice@sender.example"),
    ("a mail that is too large", mail(body="0123456789abcdef\r\n" * 30000), GOOD, "mail.sender.example", "alice@sender.example"),
    ("a mail of a trusted client", mail(), INSIDE, "app", "alice@sender.example"),
)


def explain(relay, data, client, helo, sender):
    """The reply at the end, and the fields that are added and removed."""
    path = relay.directory + "/mail.eml"
    with open(path, "wb") as file:
        file.write(data)
    result = subprocess.run([CTL, "-c", relay.config, "--json", "explain", "--client", client, "--helo", helo, "--from", sender,
                             "--to", "bob@example.com", path], capture_output=True, text=True, timeout=60)
    steps = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode in (0, 1, 75) and steps, result.stderr
    return (steps[-1].get("reply", "250"), "".join(row["field"] for row in steps if row["step"] == "added"),
            [row["field"] for row in steps if row["step"] == "removed"])


def whole(session, data):
    """DATA byte by byte: the library would make a line end of a bare CR."""
    assert session.docmd("DATA")[0] == 354
    session.send(re.sub(rb"(?m)^\.", b"..", data) + (b"" if data.endswith(b"\r\n") else b"\r\n") + b".\r\n")
    return session.getreply()


def above(mail):
    """What stands above our field Received."""
    return re.split(rb"(?m)^Received: from ", mail, maxsplit=1)[0].decode(errors="backslashreplace")


def really(relay, data, client, helo, sender):
    """The same of the daemon, as far as it can be seen: the reply, the fields above Received, and the whole mail."""
    address = ("IPV6:" if ":" in client else "") + client
    with smtplib.SMTP("127.0.0.1", relay.port, local_hostname=helo, timeout=60) as session:
        session.ehlo()
        assert session.docmd("XCLIENT", "ADDR=%s" % address)[0] == 220
        session.ehlo(helo)
        session.command_encoding = "utf-8"
        assert session.docmd("MAIL", "FROM:<%s>%s" % (sender, "" if sender.isascii() else " SMTPUTF8"))[0] == 250
        assert session.docmd("RCPT", "TO:<bob@example.com>")[0] == 250
        code, text = whole(session, data)
    if code != 250:
        return "%d %s" % (code, text.decode()), "", b""
    if HOP.mails:                       # it was not queued
        return "250", above(HOP.mails[-1][2]), HOP.mails.pop()[2]
    name = text.decode().split()[-1]
    where = relay.directory + "/export-" + name
    relay.ctl("queue", "export", where, name)
    with open("%s/%s.eml" % (where, name), "rb") as file:
        stored = file.read()
    return "250", above(stored), stored


def agree(tap, relay, mode):
    for name, data, client, helo, sender in CASES:
        reply, added, removed = explain(relay, data, client, helo, sender)
        real_reply, real_added, stored = really(relay, data, client, helo, sender)
        tap("%s, %s: the reply %s" % (mode, name, reply[:9]), reply == real_reply, "%s\n%s" % (reply, real_reply))
        tap("... and the fields", added == real_added and not any(field.encode() in stored for field in removed), "%s\n---\n%s" % (added, real_added))


def stamp(tap):
    """dmarc = stamp, the default"""
    agree(tap, world.Relay('"127.0.0.1:1"', ZONE.section("timeout = 1s tries = 1"), name="stamp",
                           listen_extra='xclient-from = { "127.0.0.0/8" } networks = { "10.0.0.0/8" } max-message = 400K').start(), "stamp")


def enforce(tap):
    """dmarc = enforce, with all that can be written"""
    extra = 'verify { dmarc = enforce  received-spf = yes  authserv-id = "mx.example.com"  mark-field = "X-Mark: suspicious" }'
    agree(tap, world.Relay('"127.0.0.1:1"', extra + ZONE.section("timeout = 1s tries = 1"), name="enforce",
                           listen_extra='xclient-from = { "127.0.0.0/8" } networks = { "10.0.0.0/8" } max-message = 400K').start(), "enforce")


def told_step(relay, data, client, helo, sender, step):
    """One step of an explanation, and its exit status."""
    with open(relay.directory + "/mail.eml", "wb") as file:
        file.write(data)
    result = subprocess.run([CTL, "-c", relay.config, "--json", "explain", "--client", client, "--helo", helo, "--from", sender,
                             "--to", "bob@example.com", relay.directory + "/mail.eml"], capture_output=True, text=True, timeout=60)
    return ([row for row in map(json.loads, result.stdout.splitlines()) if row["step"] == step] or [{}])[0], result.returncode


def online(tap):
    """mode = online: the same, and the mail comes to the next hop with those fields; what it does not have in common with DKIM is refused"""
    extra = "forward-doomed = reject\n" + ZONE.section("timeout = 1s tries = 1")
    relay = world.Relay('"127.0.0.1:%d"' % HOP.port, extra, relay_extra="mode = online  identity = none", name="online",
                        listen_extra='xclient-from = { "127.0.0.0/8" } networks = { "10.0.0.0/8" } max-message = 400K').start()
    agree(tap, relay, "online")
    tap("and nothing was queued", relay.queue_size() == 0)
    for name, data, client, helo, sender in CASES:
        step, status = told_step(relay, data, client, helo, sender, "survival")
        if not step:
            continue
        judged = lambda: [line for line in relay.log_text().splitlines() if " judged " in line]
        n_before = len(judged())
        _, _, stored = really(relay, data, client, helo, sender)
        world.wait_for("the log has it", lambda: len(judged()) > n_before)
        line = judged()[-1]
        words = ([("dkim:" + step["dkim"])] if "dkim" in step else []) + {"yes": ["spf"], "maybe": ["spf?"], "no": []}[step["spf"]]
        tap("online, %s: survives %s" % (name, ",".join(words) or "none"), "survives=%s" % (",".join(words) or "none") in line and
            ("doomed=%s" % step["why"] in line) == step["doomed"] and (not step["doomed"] or (status == 1 and not stored)), "%s\n%s" % (step, line))
    name, data, client, helo, sender = CASES[1]
    for mode, want in (("send", "250"), ("hold", "250"), ("reject", "550 5.7.20")):
        relay = world.Relay('"127.0.0.1:%d"' % HOP.port, "forward-doomed = %s\n" % mode + ZONE.section("timeout = 1s tries = 1"),
                            relay_extra="mode = online  identity = none", name="doomed-" + mode, listen_extra='xclient-from = { "127.0.0.0/8" }').start()
        step, _ = told_step(relay, data, client, helo, sender, "survival")
        reply, _, _ = really(relay, data, client, helo, sender)
        held = [row["mail"] for row in relay.ctl("queue", "list", "--held") if "mail" in row]
        tap("forward-doomed = %s: %s" % (mode, reply), reply.startswith(want) and step["doomed"] and step["held"] == (mode == "hold") and
            step.get("reply", "250").startswith(want) and [row["held-by"] for row in held] == (["forward-doomed"] if mode == "hold" else []), (step, held))
        if mode == "hold":
            relay.ctl("queue", "release", held[0]["id"])
            world.wait_for("it is delivered", lambda: HOP.mails)
            tap("and released it goes on", HOP.mails.pop()[0] == sender and "forward-doomed" in relay.log_text())
    relay = world.Relay('"127.0.0.1:%d"' % SEEING.port, "forward-doomed = reject\n" + ZONE.section("timeout = 1s tries = 1"),
                        relay_extra="mode = online", name="seeing", listen_extra='xclient-from = { "127.0.0.0/8" }').start()
    step, _ = told_step(relay, data, client, helo, sender, "survival")
    reply, _, _ = really_seen(relay, data, client, helo, sender)
    tap("a next hop that takes XCLIENT: SPF is right there", reply == "250" and not step["doomed"] and step["doomed-if-unseen"] and
        step["spf"] == "maybe" and "survives=spf verdict" not in relay.log_text() and " survives=spf" in relay.log_text(), step)


def mixed(tap):
    """Recipients of several relays in one transaction: what each hears"""
    wanted = ["bob@example.com", "x@example.net", "carol@example.com", "y@example.org", "Postmaster", "z@outside.example"]
    sections = 'relay "%s" { next-hop = { "127.0.0.1:%d" } mode = %s mixed = %s recipients-unknown = accept verify-recipients = no }\n'
    for modes, mixing in ((("online", "online", "online"), "refuse"), (("online", "queue", "online"), "refuse"), (("queue", "online", "queue"), "refuse"),
                          (("queue", "queue", "queue"), "refuse"), (("online", "queue", "online"), "queue"), (("queue", "online", "online"), "queue")):
        extra = sections % ("example.net", HOP.port, modes[1], mixing) + sections % ("example.org", HOP.port, modes[2], mixing)
        relay = world.Relay('"127.0.0.1:%d"' % HOP.port, "outbound = none\n" + extra + ZONE.section("timeout = 1s tries = 1"),
                            relay_extra="mode = %s mixed = %s" % (modes[0], mixing), name="mixed-%s-%s" % ("-".join(modes), mixing)).start()
        options = [word for address in wanted for word in ("--to", address)]
        said = subprocess.run([CTL, "-c", relay.config, "--json", "explain", "--client", "127.0.0.1", "--helo", "x", "--from", "a@plain.example",
                               *options], capture_output=True, text=True, timeout=60)
        told = [row.get("reply", "250") for row in map(json.loads, said.stdout.splitlines()) if row["step"] == "recipient"]
        with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="x", timeout=60) as session:
            session.ehlo()
            assert session.docmd("MAIL", "FROM:<a@plain.example>")[0] == 250
            done = ["250" if code == 250 else "%d %s" % (code, text.decode()) for code, text in
                    (session.docmd("RCPT", "TO:<%s>" % address) for address in wanted)]
        tap("recipients of relays that are %s, mixed = %s" % (", ".join(modes), mixing), told == done, "%s\n%s" % (told, done))
        relay.stop()


def really_seen(relay, *mail):
    """As really, by the next hop that takes XCLIENT."""
    global HOP
    HOP, before = SEEING, HOP
    try:
        return really(relay, *mail)
    finally:
        HOP = before


def recipients(tap):
    """Each recipient's answer, for clients from outside and inside, with a route outward and without"""
    wanted = ["bob@example.com", "Bob@EXAMPLE.COM", "x@sub.example.com", "x@outside.example", "Postmaster", "\"a b\"@example.com",
              "x@[192.0.2.1]", "j\u00fcrgen@example.com", "x@b\u00fccher.example"]
    for name, extra in (("none", "outbound = none"), ("smart", 'route "smart" { next-hop = { "127.0.0.1:1" } }\noutbound = "smart"')):
        relay = world.Relay('"127.0.0.1:1"', extra + "\n" + ZONE.section("timeout = 1s tries = 1"), name="to-" + name,
                            listen_extra='xclient-from = { "127.0.0.0/8" } networks = { "10.0.0.0/8" }').start()
        for client in (OTHER, INSIDE):
            options = [word for address in wanted for word in ("--to", address)]
            said = subprocess.run([CTL, "-c", relay.config, "--json", "explain", "--client", client, "--helo", "x", "--from", "j\u00fcrgen@plain.example",
                                   *options], capture_output=True, text=True, timeout=60)
            told = [row.get("reply", "250") for row in map(json.loads, said.stdout.splitlines()) if row["step"] == "recipient"]
            with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="x", timeout=60) as session:
                session.command_encoding = "utf-8"
                session.ehlo()
                session.docmd("XCLIENT", "ADDR=%s" % client)
                session.ehlo("x")
                assert session.docmd("MAIL", "FROM:<j\u00fcrgen@plain.example> SMTPUTF8")[0] == 250
                done = []
                for address in wanted:
                    code, text = session.docmd("RCPT", "TO:<%s>" % address)
                    done.append("250" if code == 250 else "%d %s" % (code, text.decode()))
            tap("recipients, outbound %s, client %s" % (name, client), told == done, "%s\n%s" % (told, done))


def signs(tap):
    """Which mail is signed, for whom, by which keys; why others are not"""
    sections = ""
    for domain, selectors, more in (("example.com", ("a", "e"), ""), ("below.example", ("b",), "subdomains = yes")):
        for selector in selectors:
            subprocess.run([CTL, "keygen", *(["--ed25519"] if selector == "e" else []), "--directory", KEYS, domain, selector],
                           check=True, capture_output=True)
        sections += 'sign "%s" { selector = { %s } key = { %s } %s }\n' % (domain, ", ".join('"%s"' % s for s in selectors), ", ".join(
            '"%s/%s.%s.pem"' % (KEYS, s, domain) for s in selectors), more)
    relay = world.Relay('"127.0.0.1:1"', sections + ZONE.section("timeout = 1s tries = 1"), name="signs",
                        listen_extra='xclient-from = { "127.0.0.0/8" } networks = { "10.0.0.0/8" }').start()
    two = mail("bob@example.com")
    for name, data, client in (
            ("the very domain", mail("bob@example.com"), INSIDE), ("in another case", mail("bob@EXAMPLE.com"), INSIDE),
            ("below one that is for subdomains", mail("x@mail.below.example"), INSIDE), ("below one that is not", mail("x@sub.example.com"), INSIDE),
            ("of nobody's domain", mail("x@other.example"), INSIDE), ("from outside", mail("bob@example.com"), OTHER),
            ("two authors, one rule", two.replace(b"From: <", b"From: <eve@example.com>, <"), INSIDE),
            ("two authors, two rules", two.replace(b"From: <", b"From: <eve@below.example>, <"), INSIDE),
            ("two From fields", b"From: <eve@example.com>\r\n" + two, INSIDE), ("no From", two.replace(b"From:", b"X-From:"), INSIDE),
            ("a mailbox file's line on top", b"From bob@example.com Sat Nov 21 11:00:00 2026\r\n" + two, INSIDE)):
        path = relay.directory + "/mail.eml"
        with open(path, "wb") as file:
            file.write(data)
        said = subprocess.run([CTL, "-c", relay.config, "--json", "explain", "--client", client, "--helo", "app", "--from", "bob@example.com",
                               "--to", "bob@example.com", path], capture_output=True, text=True, timeout=60)
        step = [row for row in map(json.loads, said.stdout.splitlines()) if row["step"] == "signing"][0]
        told = sorted((step["section"], key["selector"], key["algorithm"]) for key in step.get("keys", []))
        _, fields, _ = really(relay, data, client, "app", "bob@example.com")
        done = sorted((re.search(r"\bd=([^;]*)", field)[1], re.search(r"\bs=([^;]*)", field)[1], re.search(r"\ba=([^;]*)", field)[1])
                      for field in re.findall(r"(?m)^DKIM-Signature:(?:.*\n)(?:[ \t].*\n)*", fields))
        logged = re.findall(r"unsigned=(\S+)", relay.log_text())
        tap("signed or not: %s: %s" % (name, step["reason"]), told == done and step["signed"] == bool(done) and
            (step["signed"] or step["reason"] in ("outside", "no-rule") or logged[-1:] == [step["reason"]]), "%s\n%s\n%s" % (step, fields, logged))


world.Tap().run(stamp, enforce, online, mixed, recipients, signs)
