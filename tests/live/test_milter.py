#!/usr/bin/python3
"""smtpfwd-milter in a real Postfix: it finds what the relay finds, its signatures are right for dkimpy and OpenDKIM, and nobody forges its fields.

Clients are told by XCLIENT.  The same mails go through the relay and through Postfix with the milter, to servers that keep every byte.
"""
import base64
import concurrent.futures
import importlib.machinery
import importlib.util
import os
import re

import dkim

import milter
import names
import world

VECTORS = os.path.join(world.TOP, "tests/vectors/dkim")
ALLOWED, STRANGER, USER = "198.51.100.7", "192.0.2.77", "10.9.0.1"
KEEP = ("kim@keep.example",)
PLAIN_ZONE = """
plain.example TXT v=spf1 ip4:198.51.100.7 -all
soft.example TXT v=spf1 ip4:198.51.100.7 ~all
neutral.example TXT v=spf1 ?all
wrong.example TXT v=spf1 nonsense
includes.example TXT v=spf1 include:plain.example a mx -all
unsettled.example SERVFAIL
explains.example TXT v=spf1 -all exp=why.explains.example
why.explains.example TXT %{i} is not one of %{d}
client.example.org TXT v=spf1 ip4:198.51.100.7 -all
client.example.org A 198.51.100.7
7.100.51.198.in-addr.arpa PTR client.example.org
reject.example TXT v=spf1 ip4:198.51.100.7 -all
_dmarc.reject.example TXT v=DMARC1; p=reject
sub.reject.example TXT v=spf1 ip4:198.51.100.7 -all
quarantine.example TXT v=spf1 ip4:198.51.100.7 -all
_dmarc.quarantine.example TXT v=DMARC1; p=quarantine
watched.example TXT v=spf1 ip4:198.51.100.7 -all
_dmarc.watched.example TXT v=DMARC1; p=none
_dmarc.unsettled.example TXT v=DMARC1; p=reject
broken.example TXT v=spf1 -all
_dmarc.broken.example SERVFAIL
"""
loader = importlib.machinery.SourceFileLoader("make_vectors", VECTORS + "/make")
make = importlib.util.module_from_spec(importlib.util.spec_from_loader("make_vectors", loader))
loader.exec_module(make)


def write(name, data):
    path = os.path.join(world.WORK, name)
    with open(path, "wb") as out:
        out.write(data)
    os.chmod(path, 0o600)
    return path


def prepare():
    """The zone, with keys that dkimpy signs with, and ours."""
    zone = names.Names(PLAIN_ZONE)
    make.make_rsa("rsa", 2048)
    make.private["ed"] = make.nacl.signing.SigningKey.generate()
    make.publish("ed", b"ed25519", bytes(make.private["ed"].verify_key))
    for domain in ("ours.example", "old.example.com", "reject.example", "keys.example"):
        for selector in ("rsa", "ed"):
            zone.add_row("%s._domainkey.%s" % (selector, domain), "TXT", make.keys["%s._domainkey.example.com" % selector].decode())
    with open(VECTORS + "/keys") as keys:
        for line in keys:
            name, record = line.rstrip("\n").split("\t")
            zone.add_row(name, "TXT", record)
    der = bytes.fromhex("302e020100300506032b657004220420") + bytes(make.private["ed"])
    pem = b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(der) + b"-----END PRIVATE KEY-----\n"
    return zone, write("rsa.pem", make.private["rsa"]), write("ed.pem", pem)


ZONE, RSA, ED = prepare()
SIGN = 'sign "ours.example" { selector = { "rsa", "ed" }  key = { "%s", "%s" } }\n' % (RSA, ED)
ARC = 'arc { domain = "old.example.com"  selector = "rsa"  key = "%s" }\n' % RSA
CLASSES = """
class "bulk" { headers = { "Precedence: bulk" } sign = no }
class "partner" { networks = { "203.0.113.0/24" } sign = yes }
class "vip" { recipients = { "kim@keep.example" } senders = { "boss@ours.example" } }
"""
RESOLVER = ZONE.section("timeout = 2s  tries = 2")


def mail(subject, author="alice@plain.example", fields="", body="Hello.\r\n"):
    return ("From: Alice <%s>\r\nTo: <kim@keep.example>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: %s\r\nMessage-ID: <%s@x>\r\n%s\r\n%s"
            % (author, subject, subject, fields, body)).encode()


def fields_of(data, name):
    """Those of that name as they stand in the mail, from the top."""
    head = data.split(b"\r\n\r\n")[0] + b"\r\n"
    return re.findall(rb"(?mi)^%s[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*" % name.encode(), head)


def key_from_zone(name, timeout=5):
    rows = ZONE.rows_of(names.key_of(name.decode()))
    return rows[0][1].encode() if rows else None


def dkimpy_says(data):
    found = []
    for i in range(len(fields_of(data, "DKIM-Signature"))):
        try:
            found.append(dkim.DKIM(data, minkey=1024).verify(idx=i, dnsfunc=key_from_zone))
        except dkim.DKIMException as trouble:
            found.append(str(trouble))
    return found


def say_who(port, client, name="[UNAVAILABLE]", helo="client.example.org"):
    """A session in which the client is this one."""
    session = world.Client(port)
    session.say("EHLO me")
    if client:
        reply = session.say("XCLIENT NAME=%s ADDR=%s%s HELO=%s PROTO=ESMTP" % (name, "IPV6:" if ":" in client else "", client, helo))
        assert reply.startswith("220"), reply
    session.say("EHLO " + helo)
    return session


# --- the same as the relay ---

def corpus():
    """(subject, mail, how): how has client, name, helo, sender; each once."""
    cases = []
    add = lambda subject, data, **how: cases.append((subject, b"X-Case: %s\r\n" % subject.encode() + data, how))     # no signature covers that
    for name in sorted(file[:-4] for file in os.listdir(VECTORS) if file.endswith(".eml")):
        if name in ("nul-relaxed", "nul-simple", "no-end-relaxed", "no-end-simple"):   # no mail of SMTP as they are
            continue
        with open("%s/%s.eml" % (VECTORS, name), "rb") as file:
            add("v." + name, file.read(), sender="v.%s@plain.example" % name)
    for domain in ("plain", "soft", "neutral", "wrong", "includes", "unsettled", "explains", "nobody", "reject", "sub.reject", "quarantine", "watched", "broken"):
        for client in (ALLOWED, STRANGER):
            address = "a@%s.example" % domain
            subject = "spf.%s.%s" % (domain, client)
            add(subject, mail(subject, address), sender=address, client=client)
    for subject, name, client, helo in (("named", "client.example.org", ALLOWED, "client.example.org"), 
                                        ("unavailable", "[UNAVAILABLE]", ALLOWED, "h"), ("later", "[TEMPUNAVAIL]", ALLOWED, "h"),
                                        ("literal", "[UNAVAILABLE]", STRANGER, "[192.0.2.77]"), ("odd-helo", "[UNAVAILABLE]", STRANGER, "a_b..c"), ("v6", "[UNAVAILABLE]", "2001:db8::7", "x.example")):
        add("who." + subject, mail("who." + subject), client=client, name=name, helo=helo, sender="alice@plain.example")
        add("null." + subject, mail("null." + subject), client=client, name=name, helo=helo, sender="")
    for subject, data in signed_mails():
        add(subject, data, sender="joe@keys.example")
    for subject, sender in (("quoted", '"a b"@plain.example'), ("long", "l" * 64 + "@plain.example"), ("subdomain", "a@b.c.plain.example"), ("literal", "a@[192.0.2.77]")):
        add("path." + subject, mail("path." + subject), sender=sender)
    for subject, fields in odd_headers():
        add("odd." + subject, mail("odd." + subject, fields=fields), sender="alice@plain.example")
    for subject, fields in (("bulk", "Precedence: bulk\r\n"), ("forged", "X-Traffic-Class: list; direction=outbound; by=network\r\nx-traffic-CLASS \t:\r\n\tapplication\r\n")):
        for client in (STRANGER, USER, "203.0.113.9"):
            add("class.%s.%s" % (subject, client), mail("class.%s.%s" % (subject, client), "boss@ours.example", fields), client=client, sender="boss@ours.example")
    return cases


def signed_mails():
    base = lambda subject, **how: mail(subject, "joe@keys.example", **how)
    for selector in ("rsa", "ed"):
        for canonicalization in (b"simple/simple", b"simple/relaxed", b"relaxed/simple", b"relaxed/relaxed"):
            subject = "dkim.%s.%s" % (selector, canonicalization.decode().replace("/", "."))
            good = make.sign(base(subject, fields="X-Folded: a\r\n\t b  \r\n   c\r\nX-Blank: \t \r\nx-lower:d\r\n", body=" a  b \t\r\n\r\n.\r\n..\r\n\r\n\r\n"), selector,
                             d=b"keys.example", c=canonicalization, h=b"From : X-Folded : X-Blank : x-lower : Subject")
            yield subject, good
            yield subject + ".body", good.replace(b" a  b", b" a  c")
            yield subject + ".blanks", good.replace(b"X-Folded: a\r\n\t b", b"X-Folded:  a\r\n\tb")
    two = make.sign(make.sign(base("dkim.two"), "rsa", d=b"keys.example"), "ed", d=b"reject.example")
    yield "dkim.two", two
    yield "dkim.nokey", make.sign(base("dkim.nokey"), "rsa", d=b"nokey.example")
    sealed = make.sign(mail("arc.sealed", "joe@reject.example"), "rsa", d=b"reject.example")
    sealed = b"Authentication-Results: mx.keys.example; dkim=pass header.d=reject.example\r\n" + sealed
    arc_set = b"".join(dkim.arc_sign(sealed, b"rsa", b"keys.example", make.private["rsa"], b"mx.keys.example",
                                     include_headers=[b"from", b"to", b"subject", b"date", b"message-id"]))
    yield "arc.sealed", arc_set + sealed
    yield "arc.broken", arc_set + sealed.replace(b"Hello", b"Hallo")


def odd_headers():
    yield "two-from", "From: <b@reject.example>\r\n"
    yield "group", "Reply-To: x: a@b, c@d;\r\n"
    yield "8bit", "X-Name: Gr\u00fc\u00dfe \u4f60\u597d\r\n"
    yield "long", "X-Long: %s\r\n" % ("x" * 900)
    yield "many", "".join("X-%d: %d\r\n" % (i, i) for i in range(300))
    yield "large", "X-Large: %s\r\n" % "\r\n\t".join("y" * 70 for _ in range(1000))
    yield "empty", "X-Empty:\r\nX-Blank: \t\r\n"
    yield "forged", "Authentication-Results: old.example.com; dkim=pass header.d=bank.example\r\nAuthentication-Results:\r\n\tOLD.Example.COM\r\n\t; spf=pass\r\n"
    yield "others", "Authentication-Results: mx.google.com; dkim=pass header.d=gmail.com\r\n"
    yield "control", "X-Odd: a\x01b\x7fc\r\n"


def judge(port, data, client=STRANGER, name="[UNAVAILABLE]", helo="client.example.org", sender="alice@plain.example"):
    session = say_who(port, client, name, helo)
    reply = session.mail(data, sender, KEEP)
    session.socket.close()
    return reply


TOLD = ("Authentication-Results", "Received-SPF", "X-Spam-Flag", "X-Traffic-Class", "ARC-Authentication-Results")


def arrived(hop, case):
    return world.wait_for("%s arrives" % case, lambda: [data for _, _, data in list(hop.mails) if b"X-Case: %s\r\n" % case.encode() in data])[0]


def what_it_says(reply, data):
    """What both have to say alike: the refusal, or the fields."""
    if not reply.startswith("250"):
        return re.sub(r"\s+$", "", reply)
    told = [field for name in TOLD for field in fields_of(data, name)]
    for field in fields_of(data, "DKIM-Signature") + fields_of(data, "ARC-Message-Signature"):
        if b"d=ours.example" in field or b"d=old.example.com" in field:
            text = re.sub(rb"\s+", b"", field)
            told.append(re.sub(rb";(?:t|b)=[^;]*", b"", text))
    return told


def differing(said):
    """Of two lists what only one has."""
    if isinstance(said[0], list) and isinstance(said[1], list):
        return [[part for part in said[i] if part not in said[1 - i]] for i in (0, 1)]
    return said


def same_as_relay(tap):
    """The comparison corpus: relay and milter say the same of each mail"""
    hops = world.NextHop(), world.NextHop()
    verify = "verify { dmarc = enforce  arc = yes  received-spf = yes }\n" + SIGN + ARC + CLASSES
    relay = world.Relay('"127.0.0.1:%d"' % hops[0].port, name="compared", domain="keep.example", extra=verify + RESOLVER,
                        listen_extra='xclient-from = { "127.0.0.1" }  class = local  networks = { "10.9.0.0/16" }  max-connections-per-address = 1000').start()
    asked = milter.Milter(verify, 'networks = { "10.9.0.0/16" }', name="comparing", resolver=RESOLVER).start()
    front = milter.Front(asked, hops[1], name="comparing-front").start()
    n_same = n_refused = 0
    cases = corpus()
    with concurrent.futures.ThreadPoolExecutor(16) as senders:
        pairs = list(senders.map(lambda case: [judge(port, case[1], **case[2]) for port in (relay.port, front.port)], cases))
    for (subject, data, how), replies in zip(cases, pairs):
        taken = [reply.startswith("250") for reply in replies]
        said = [what_it_says(reply, arrived(hop, subject) if is_taken else b"")
                for reply, is_taken, hop in zip(replies, taken, hops)]
        n_same += said[0] == said[1]
        n_refused += not taken[0]
        if said[0] != said[1]:
            tap("the same of %s" % subject, False, "\n".join("%s: %s" % pair for pair in zip(("relay", "milter"), (differing(said)))))
    tap("of %d mails, %d of them refused, relay and milter say the same" % (len(cases), n_refused), n_same == len(cases) > 100, n_same)
    tap("and their classes are those of the log", all(" class=" in line for line in asked.log_text().splitlines() if " judged " in line))
    front.stop()
    relay.stop()
    tap("the milter ends cleanly", asked.stop() == 0, asked.log_text()[-500:])


world.Tap().run(same_as_relay)
