#!/usr/bin/python3
"""What a class sets, with the running daemon and three servers behind it: route, key, SRS, checks, bounds, fields, hold.

dkimpy tells which key signed, python's email package which fields there are; smtpfwdctl explain must have said the same before.
Clients are told by XCLIENT.  Names of scenarios as arguments run only those.
"""
import base64
import email
import email.policy
import json
import os
import re
import subprocess
import sys

import dkim

import world

CTL = world.BUILD + "/smtpfwd/smtpfwdctl"
KEYS = world.WORK + "/keys"
USER, LISTS, SHOP, PARTNER, SLOW, OUTSIDER = "10.1.0.1", "10.0.0.40", "10.2.0.7", "10.3.0.1", "10.4.0.1", "198.51.100.66"
BOB, EVE = "bob@example.com", "eve@out.example"
RECORDS = {}

CLASSES = """
class "bulk" {
    networks = { "10.0.0.40" }  headers = { "List-Id" }
    route = "bulk"  sign-as = "lists"  srs = never  max-recipients = 2  max-message = 32K
    remove-fields = { "X-Mailer", "Reply-To" }  add-fields = { "Precedence: bulk", "Reply-To:  the list <list@example.com>" }
}
class "lists" { networks = { "10.0.0.40" }  max-recipients = 4 }
class "shop" { networks = { "10.2.0.0/16" }  sign-as = "example.net"  srs = always  verify = yes  max-recipients = 1 }
class "partner" { networks = { "10.3.0.0/16" }  verify = no  sign = yes }
class "slow" { networks = { "10.4.0.0/16" }  hold = yes }
class "local" { max-message = 8K  add-fields = { "X-Kind: local" } }
"""


def make_key(domain, selector):
    """An RSA key by openssl; what dkimpy is to find in the DNS."""
    path = "%s/%s.%s.pem" % (KEYS, selector, domain)
    subprocess.run(["openssl", "genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path], check=True, capture_output=True)
    os.chmod(path, 0o600)
    public = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    RECORDS["%s._domainkey.%s." % (selector, domain)] = b"v=DKIM1; p=" + base64.b64encode(public)
    return 'selector = { "%s" } key = { "%s" }' % (selector, path)


def mail(more="", body="Hello.\r\n", subject="a mail"):
    return ("From: <a@example.com>\r\nTo: <bob@example.com>\r\nSubject: %s\r\n%sMessage-ID: <1@example.com>\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n\r\n%s"
            % (subject, more, body)).encode()


class Place:
    """A relay, the next hop of its domain, its outbound route's and that of "bulk"."""

    n = 0

    def __init__(self, classes=CLASSES, relay_extra="", more=""):
        Place.n += 1
        self.relayed, self.outbound, self.bulk = world.NextHop(), world.NextHop(), world.NextHop()
        os.makedirs(KEYS, exist_ok=True)
        secret = world.WORK + "/srs.secret"
        with open(secret, "w") as out:
            out.write("0123456789abcdef\n")
        os.chmod(secret, 0o600)
        signs = ('sign "example.com" { %s }\nsign "example.net" { %s }\nsign "lists" { domain = "example.com" %s }\n'
                 % (make_key("example.com", "a"), make_key("example.net", "n"), make_key("example.com", "l")))
        routes = ('route "internet" { next-hop = { "127.0.0.1:%d" } srs = never check-interval = 1s }\noutbound = "internet"\n'
                  'route "bulk" { next-hop = { "127.0.0.1:%d" } srs = always check-interval = 1s }\n' % (self.outbound.port, self.bulk.port))
        self.relay = world.Relay('"127.0.0.1:%d"' % self.relayed.port,
                                 signs + routes + 'srs { domain = "fwd.example.com" secret-file = "%s" }\n' % secret + classes + more,
                                 name="actions%d" % Place.n, relay_extra=relay_extra,
                                 listen_extra='class = local xclient-from = { "127.0.0.0/8" } networks = { "10.0.0.40", "10.1.0.0/16", "10.2.0.0/16", "10.4.0.0/16" }').start()

    def hops(self):
        return {"relay": self.relayed, "internet": self.outbound, "bulk": self.bulk}

    def client(self, address):
        client = world.Client(self.relay.port)
        client.say("EHLO h")
        assert client.speak_for(address).startswith("220")
        client.say("EHLO h")
        return client

    def explain(self, data, address, sender, recipients):
        path = self.relay.directory + "/mail.eml"
        with open(path, "wb") as file:
            file.write(data)
        words = [word for recipient in recipients for word in ("--to", recipient)]
        result = subprocess.run([CTL, "-c", self.relay.config, "--json", "explain", "--client", address, "--helo", "h", "--from", sender, *words, path],
                                capture_output=True, text=True, timeout=60)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def arrival(self, subject):
        """Which next hops have it: {name: (reverse-path, [forward-path], bytes)}."""
        return {name: found for name, hop in self.hops().items() for found in list(hop.mails) if b"\r\nSubject: %s\r\n" % subject.encode() in found[2]}

    def log_line(self, reply):
        identity = reply.split()[-1]
        world.wait_for("its line in the log", lambda: re.search(r" judged id=%s .*\n" % identity, self.relay.log_text()))
        return [line for line in self.relay.log_text().splitlines() if " judged " in line and identity in line][-1]


def rows(steps, name):
    return [row for row in steps if row["step"] == name]


def signers(data):
    """(d=, s=, right?) of each signature, by dkimpy, from the top."""
    found = []
    for i in range(len(re.findall(rb"(?mi)^dkim-signature:", data.split(b"\r\n\r\n")[0]))):
        one = dkim.DKIM(data, minkey=1024)
        right = one.verify(idx=i, dnsfunc=lambda name, timeout=5: RECORDS.get(name.decode()))
        found.append((one.signature_fields[b"d"].decode(), one.signature_fields[b"s"].decode(), right))
    return found


def signed_fields(data):
    one = dkim.DKIM(data, minkey=1024)
    one.verify(dnsfunc=lambda name, timeout=5: RECORDS.get(name.decode()))
    return one.signature_fields[b"h"].decode().lower().replace(" ", "").split(":")


def through(tap, place, name, address, recipients, more, want, sets, signer, sender="a@x.example"):
    """One mail by explain and by the daemon; want: the next hop of each recipient.  What arrived, by the hop."""
    data = mail(more, subject=name)
    steps = place.explain(data, address, sender, recipients)
    told = [row.get("destination") for row in rows(steps, "recipient")]
    reply = place.client(address).mail(data, sender, recipients)
    world.wait_for("mail", lambda: len(place.arrival(name)) == len(set(want)))
    arrived = place.arrival(name)
    names = {"relay": "relay:example.com", "internet": "route:internet", "bulk": "route:bulk"}
    tap("%s: goes where explain says" % name, told == [names[hop] for hop in want] and reply.startswith("250") and
        all(sorted(arrived[hop][1]) == sorted(r for r, h in zip(recipients, want) if h == hop) for hop in set(want)), (told, reply, arrived))
    line = place.log_line(reply)
    tap("... and sets what explain and the log say", rows(steps, "class")[0].get("sets", "") == sets and
        (" class-sets=%s" % sets in line if sets else "class-sets" not in line), (rows(steps, "class"), line))
    signing = rows(steps, "signing")[0]
    got = signers(list(arrived.values())[0][2])
    tap("... signed by %s" % (signer,), got == ([(*signer, True)] if signer else []) and signing["signed"] == bool(signer) and
        (not signer or [key["selector"] for key in signing["keys"]] == [signer[1]]), (got, signing))
    return arrived, steps


def ways(tap):
    """Routes, keys, SRS and fields of each class"""
    place = Place()
    bulk = "route:bulk,sign-as:lists,srs:never,max-message:32768,max-recipients:2,removes:2,adds:2"
    reader = lambda data: email.message_from_bytes(data, policy=email.policy.default)

    arrived, steps = through(tap, place, "a list mail", LISTS, (EVE,), "List-Id: <x>\r\nX-Mailer: y\r\nReply-To: <me@example.com>\r\nx-mailer: z\r\n", ("bulk",), bulk, ("example.com", "l"))
    sender, _, data = arrived["bulk"]
    got = reader(data)
    tap("... its sender is not rewritten, though the route would", sender == "a@x.example" and "srs" not in rows(steps, "recipient")[0], sender)
    tap("... fields are gone and there", got.get_all("X-Mailer") is None and got.get_all("Precedence") == ["bulk"] and
        got.get_all("Reply-To") == ["the list <list@example.com>"] and got["List-Id"] == "<x>" and not got.defects, data)
    tap("... below Received, and signed", data.index(b"Received: from") < data.index(b"\r\nPrecedence:") < data.index(b"\r\nFrom:") and
        "reply-to" in signed_fields(data), data)
    tap("... as explain says", sorted(row["field"] for row in rows(steps, "removed")) ==
        ["Reply-To: <me@example.com>\r\n", "X-Mailer: y\r\n", "x-mailer: z\r\n"] and
        {"Precedence: bulk\r\n", "Reply-To: the list <list@example.com>\r\n"} <= {row["field"] for row in rows(steps, "added")}, steps)
    arrived, _ = through(tap, place, "a list mail to a relay domain too", LISTS, (BOB, EVE), "List-Id: <x>\r\n", ("relay", "bulk"), bulk, ("example.com", "l"))
    tap("... the same mail for both, but for who sends it", arrived["relay"][2] == arrived["bulk"][2] and arrived["relay"][0] == "a@x.example", arrived)
    through(tap, place, "no list mail", LISTS, (EVE,), "", ("internet",), "max-recipients:4", ("example.com", "a"))
    arrived, steps = through(tap, place, "a shop", SHOP, (EVE,), "", ("internet",), "sign-as:example.net,verify:yes,srs:always,max-recipients:1", ("example.net", "n"))
    tap("... its sender is rewritten, though the route would not, as explain says", re.fullmatch(r"SRS0=.*=x\.example=a@fwd\.example\.com", arrived["internet"][0]) and
        rows(steps, "recipient")[0]["srs"].split("=")[2:] == arrived["internet"][0].split("=")[2:], (arrived["internet"][0], rows(steps, "recipient")))
    tap("... it is checked, though it may relay", b"\r\nAuthentication-Results: " in arrived["internet"][2] and rows(steps, "spf")[0]["result"] == "none" and
        " unchecked" not in place.log_line("x " + re.search(rb"\sid (\w+)", arrived["internet"][2]).group(1).decode()), arrived["internet"][2])
    arrived, steps = through(tap, place, "a partner", PARTNER, (BOB,), "", ("relay",), "sign:yes,verify:no", ("example.com", "a"))
    tap("... it is not checked, and the log says why", b"Authentication-Results" not in arrived["relay"][2] and rows(steps, "spf")[0]["why"] == "class" and
        " unchecked=class " in place.relay.log_text() and rows(steps, "sender")[0]["verified"] is False, steps)
    arrived, _ = through(tap, place, "a user", USER, (EVE,), "", ("internet",), "max-message:8192,adds:1", ("example.com", "a"))
    tap("... whose class is the listener's: what its section sets holds", reader(arrived["internet"][2]).get_all("X-Kind") == ["local"], arrived)
    arrived, _ = through(tap, place, "an outsider", OUTSIDER, (BOB,), "List-Id: <x>\r\nX-Mailer: y\r\n", ("relay",), "", None)
    tap("... nothing of it is touched", b"\r\nX-Mailer: y\r\n" in arrived["relay"][2] and b"Precedence" not in arrived["relay"][2], arrived)
    place.relay.stop()


def recipients_until(client, code, most):
    """How many are taken before the first that is not; its reply."""
    for i in range(most):
        reply = client.say("RCPT TO:<r%d@out.example>" % i)
        if not reply.startswith("250"):
            return i, reply
    return most, ""


def bounds(tap):
    """How large, and for how many: at MAIL, at RCPT, at the end of the data, and by a header"""
    place = Place()
    large, huge = mail(body="x\r\n" * 3500), mail(body="x\r\n" * 15000, more="List-Id: <x>\r\n")      # of 10 KB and 44 KB

    client = place.client(USER)
    tap("SIZE= beyond the class's is refused at MAIL", client.say("MAIL FROM:<a@x.example> SIZE=8193").startswith("552 5.3.4 "), "")
    tap("... and up to it is not", client.say("MAIL FROM:<a@x.example> SIZE=8192").startswith("250 "), "")
    client.say("RSET")
    reply = client.mail(large, "a@x.example", (EVE,))
    steps = place.explain(large, USER, "a@x.example", (EVE,))
    tap("without SIZE= at the end of the data", reply.startswith("552 5.3.4 "), reply)
    tap("... as explain says", rows(steps, "outcome")[0].get("reply") == reply.strip(), (reply, steps))
    client = place.client(LISTS)
    tap("who may still be of a class that takes as much is not refused at MAIL", client.say("MAIL FROM:<a@x.example> SIZE=50000").startswith("250 "), "")
    client.say("RSET")
    reply = client.mail(huge, "a@x.example", (EVE,))
    tap("... but when the header has made it of one that does not", reply.startswith("552 5.3.4 "), reply)
    tap("... as explain says", rows(place.explain(huge, LISTS, "a@x.example", (EVE,)), "outcome")[0].get("reply") == reply.strip(), reply)
    tap("... and mail of the other class has no such bound", client.mail(huge.replace(b"List-Id", b"X-List"), "a@x.example", (EVE,)).startswith("250 "), "")

    world.wait_for("its line in the log", lambda: place.relay.log_text().count(" rejected ") >= 3)
    tap("the log says that it is the class", all("why=class" in line for line in place.relay.log_text().splitlines() if " rejected " in line), place.relay.log_text()[-2000:])

    client = place.client(SHOP)
    client.say("MAIL FROM:<a@x.example>")
    n, reply = recipients_until(client, "452", 5)
    tap("a recipient too many for the class hears it at RCPT", n == 1 and reply.startswith("452 4.5.3 "), (n, reply))
    client = place.client(LISTS)
    client.say("MAIL FROM:<a@x.example>")
    n, reply = recipients_until(client, "452", 8)
    tap("who may still be of one of two classes has the larger bound", n == 4 and reply.startswith("452 4.5.3 "), (n, reply))
    client.say("RSET")
    three = tuple("r%d@out.example" % i for i in range(3))
    reply = client.mail(mail("List-Id: <x>\r\n"), "a@x.example", three)
    tap("if the header makes it of the lesser one, it is refused for good", reply.startswith("554 5.5.3 "), reply)
    steps = place.explain(mail("List-Id: <x>\r\n"), LISTS, "a@x.example", three)
    tap("... as explain says", rows(steps, "outcome")[0].get("reply") == reply.strip() and rows(steps, "bounds")[0]["reason"] == "class-recipients", steps)
    tap("... and of the other class it is taken", client.mail(mail(), "a@x.example", three).startswith("250 "), "")
    place.relay.stop()


def hold(tap):
    """Mail that waits for an operator"""
    place = Place()
    data = mail(subject="held")
    steps = place.explain(data, SLOW, "a@x.example", (BOB,))
    reply = place.client(SLOW).mail(data, "a@x.example", (BOB,))
    identity = reply.split()[-1]
    tap("it is accepted and held", reply.startswith("250 ") and rows(steps, "outcome")[0]["held"] is True, (reply, steps))
    world.wait_for("its line in the log", lambda: " held " in place.relay.log_text())
    tap("... the log says why", " verdict=hold:class " in place.log_line(reply) and re.search(r" held id=%s .*class" % identity, place.relay.log_text()), place.relay.log_text()[-2000:])
    place.client(USER).mail(mail(subject="not held"), "a@x.example", (BOB,))
    world.wait_for("another mail", lambda: place.arrival("not held"))
    place.relay.stop()
    place.relay.start()
    tap("... over a restart", not place.arrival("held") and place.relay.queue_size() == 1, place.relay.ctl("queue", "list"))
    before = place.relay.ctl("queue", "list")
    place.relay.ctl("queue", "release", identity)
    world.wait_for("the mail released", lambda: place.arrival("held"))
    tap("... until it is released", True)
    listed = [row["mail"]["held-by"] for row in before if "mail" in row]
    tap("... and whom it waited for was told", listed == ["class"], before)
    place.relay.stop()


def reload(place):
    """What is said of it, its warnings too."""
    done = subprocess.run([CTL, "-c", place.relay.config, "reload"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def waiting(tap):
    """Mail that waits goes by its class: after a crash, and by a reloaded configuration"""
    place = Place()
    place.bulk.answer = lambda sender, recipients: "451 4.3.0 not now"
    place.client(LISTS).mail(mail("List-Id: <x>\r\n", subject="through a crash"), "a@x.example", (EVE,))
    world.wait_for("a try", lambda: place.bulk.refused)
    place.relay.kill()
    place.relay.start()
    tap("after kill -9 it waits for its class's route", "route:bulk" in json.dumps(place.relay.ctl("queue", "list")), place.relay.ctl("queue", "list"))
    place.bulk.answer = lambda sender, recipients: "250 2.0.0 taken"
    place.relay.ctl("queue", "retry", "--all")
    world.wait_for("the mail", lambda: place.arrival("through a crash"))
    tap("... and gets there", set(place.arrival("through a crash")) == {"bulk"})

    place.bulk.answer = lambda sender, recipients: "451 4.3.0 not now"
    place.bulk.refused.clear()
    place.client(LISTS).mail(mail("List-Id: <x>\r\n", subject="another route"), "a@x.example", (EVE,))
    world.wait_for("a try", lambda: place.bulk.refused)
    with open(place.relay.config, "w") as out:
        out.write(place.relay.text.replace('route = "bulk"  sign-as', 'sign-as'))
    said = reload(place)
    world.wait_for("the mail", lambda: place.arrival("another route"))
    tap("without the class's route it takes the outbound one", set(place.arrival("another route")) == {"internet"} and "route" in said, said)
    tap("... and whoever took it away is told of the mail that waits", 'class "bulk": has no route now, and its mail that waits (1 for route:bulk) goes by route:internet\n' in said, said)
    with open(place.relay.config, "w") as out:
        out.write(place.relay.text)
    place.relay.ctl("reload")
    place.bulk.refused.clear()
    place.client(LISTS).mail(mail("List-Id: <x>\r\n", subject="another name"), "a@x.example", (EVE,))
    world.wait_for("a try", lambda: place.bulk.refused)
    with open(place.relay.config, "w") as out:
        out.write(place.relay.text.replace('class "bulk"', 'class "campaign"').replace('outbound = "internet"', "outbound = none"))
    said = reload(place)
    tap("a class of another name, and no other way: it waits", 'class "bulk": has no route now, and its mail that waits (1 for route:bulk) waits for one' in said
        and place.relay.queue_size() == 1 and not place.arrival("another name"), said)
    with open(place.relay.config, "w") as out:
        out.write(place.relay.text)
    place.bulk.answer = lambda sender, recipients: "250 2.0.0 taken"
    place.relay.ctl("reload")
    world.wait_for("the mail", lambda: place.arrival("another name"), 30)
    tap("... and goes when it has a way again", set(place.arrival("another name")) == {"bulk"})
    place.relay.stop()


def online(tap):
    """A next hop that was told the sender before the header came"""
    place = Place(CLASSES.replace('srs = never  max-recipients = 2', 'srs = always  max-recipients = 2'), relay_extra="mode = online\n    srs = never")
    reply = place.client(LISTS).mail(mail("List-Id: <x>\r\n", subject="another sender"), "a@x.example", (BOB,))
    world.wait_for("the mail", lambda: place.arrival("another sender"))
    tap("where the header changes how the sender is said, the mail is queued and goes so", reply.startswith("250 ") and
        place.arrival("another sender")["relay"][0].startswith("SRS0=") and "another srs" in place.relay.log_text(), (reply, place.arrival("another sender")))
    reply = place.client(LISTS).mail(mail(subject="the same sender"), "a@x.example", (BOB,))
    world.wait_for("the mail", lambda: place.arrival("the same sender"))
    tap("else it goes straight through", reply.startswith("250 ") and "queued as" not in reply and
        place.arrival("the same sender")["relay"][0] == "a@x.example", (reply, place.arrival("the same sender")))
    place.relay.stop()


def no_outbound(tap):
    """A class with a route where nothing else goes out"""
    hop, other = world.NextHop(), world.NextHop()
    relay = world.Relay('"127.0.0.1:%d"' % other.port, 'class "bulk" { networks = { "10.0.0.0/8" } headers = { "List-Id" } route = "bulk" }\n'
                        'route "bulk" { next-hop = { "127.0.0.1:%d" } }\noutbound = none\n' % hop.port, name="no-outbound",
                        listen_extra='class = local xclient-from = { "127.0.0.0/8" } networks = { "10.0.0.0/8", "192.168.0.0/16" }').start()
    place = Place.__new__(Place)
    place.relay = relay
    reply = place.client(LISTS).mail(mail("List-Id: <x>\r\n"), "a@x.example", (EVE,))
    tap("mail of the class goes out", reply.startswith("250 "), reply)
    reply = place.client(LISTS).mail(mail(), "a@x.example", (EVE,))
    steps = place.explain(mail(), LISTS, "a@x.example", (EVE,))
    tap("mail that the header does not bring into it is refused", reply.startswith("554 5.4.4 "), reply)
    tap("... as explain says", rows(steps, "outcome")[0].get("reply") == reply.strip(), steps)
    reply = place.client("192.168.0.1").mail(mail("List-Id: <x>\r\n"), "a@x.example", (EVE,))
    tap("who cannot be of it hears it at RCPT", reply.startswith("550 5.4.4 "), reply)
    relay.stop()


def configured(tap):
    """Wrong settings, by file and line; a reload that has some changes nothing"""
    place = Place()
    check = lambda: subprocess.run([world.BUILD + "/smtpfwd/smtpfwd", "-n", "-c", place.relay.config], capture_output=True, text=True, timeout=60)
    wrong = place.relay.text.replace('route = "bulk"  sign-as = "lists"', 'route = "bulky"  sign-as = "list"')
    line = wrong[:wrong.index('route = "bulky"')].count("\n") + 1
    with open(place.relay.config, "w") as out:
        out.write(wrong)
    said = check()
    tap("a route and a sign section that are none, by file and line", said.returncode == 3 and
        '%s:%d: class "bulk": route: there is no route "bulky"\n' % (place.relay.config, line) in said.stderr and
        '%s:%d: class "bulk": sign-as: there is no sign "list"\n' % (place.relay.config, line) in said.stderr, said.stderr)
    reload = subprocess.run([CTL, "-c", place.relay.config, "-s", place.relay.directory + "/control", "reload"], capture_output=True, text=True, timeout=60)
    place.client(LISTS).mail(mail("List-Id: <x>\r\n", subject="as before"), "a@x.example", (EVE,))
    world.wait_for("the mail", lambda: place.arrival("as before"))
    tap("a reload says so, and mail goes as before", "bulky" in reload.stdout + reload.stderr and set(place.arrival("as before")) == {"bulk"}, reload)
    with open(place.relay.config, "w") as out:
        out.write(place.relay.text.replace('sign-as = "lists"', ""))
    said = check()
    tap("a sign section that no class names is told of", said.returncode == 0 and 'sign "lists": no class names it' in said.stderr, said.stderr)
    place.relay.stop()


if __name__ == "__main__":
    scenarios = (ways, bounds, hold, waiting, online, no_outbound, configured)
    world.Tap().run(*[scenario for scenario in scenarios if not sys.argv[1:] or scenario.__name__ in sys.argv[1:]])
