#!/usr/bin/python3
"""Mails with headers of chance go through the relay, and through Postfix with smtpfwd-milter: what comes out is the same.

Fields of ours that are forged, in all spellings, fields that stand twice, folding, lines that are none, signatures that are right and
wrong; from one seed (SEED=, MAILS=).  Clients are told by XCLIENT.
"""
import base64
import collections
import os
import random
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import dkim

import milter
import names
import world

SEED, N_MAILS = int(os.environ.get("SEED", "6")), int(os.environ.get("MAILS", "200"))
US, KEY = "old.example.com", world.WORK + "/key.pem"
CLIENTS = ("198.51.100.7", "192.0.2.77", "10.9.0.1", "203.0.113.9")     # whom plain.example lets send, a stranger, a user, a partner
SENDERS = ("alice@plain.example", "", "joe@keys.example", "b@reject.example", "boss@ours.example")
# Postfix takes these out by itself (message_drop_headers); the others are compared apart, or differ as time and place do.
ELSEWHERE = ("bcc", "content-length", "resent-bcc", "return-path", "received", "arc-seal", "arc-message-signature", "dkim-signature")


def make_key():
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", KEY, "2048"], check=True, capture_output=True)
    os.chmod(KEY, 0o600)
    der = subprocess.run(["openssl", "pkey", "-in", KEY, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    with open(KEY, "rb") as key:
        return key.read(), base64.b64encode(der).decode()


PRIVATE, PUBLIC = make_key()
ZONE = names.Names("""
plain.example TXT v=spf1 ip4:198.51.100.7 -all
reject.example TXT v=spf1 ip4:198.51.100.7 -all
_dmarc.reject.example TXT v=DMARC1; p=reject
quarantine.example TXT v=spf1 ip4:198.51.100.7 -all
_dmarc.quarantine.example TXT v=DMARC1; p=quarantine
""" + "".join("k._domainkey.%s TXT v=DKIM1; k=rsa; p=%s\n" % (domain, PUBLIC) for domain in ("keys.example", "ours.example", US)))
RESOLVER = ZONE.section("timeout = 2s  tries = 2")
RULES = """
verify { dmarc = enforce  arc = yes  received-spf = yes }
sign "ours.example" { selector = { "k" }  key = { "%(key)s" } }
arc { domain = "%(us)s"  selector = "k"  key = "%(key)s" }
class "bulk" { headers = { "Precedence: bulk" }  sign = no }
class "partner" { networks = { "203.0.113.0/24" }  sign = yes }
class "vip" { recipients = { "kim@keep.example" }  senders = { "boss@ours.example" } }
""" % {"key": KEY, "us": US}

# --- the soup ---

EMPTY_HASH = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
VALUES = {
    "Authentication-Results": (US + "; dkim=pass header.d=bank.example", US.upper() + " 1; spf=pass", "(c) %s (d) 1 (e); none" % US, '"%s"; none' % US, US,
                               US + ".; x=y", "mx.google.com; dkim=pass", "", ";", "(unclosed %s; x" % US, "x%s; none" % US, US + "/1; none", "\\%s; none" % US,
                               US + "\t;none", "=?utf-8?q?%s?=; none" % US),
    "X-Traffic-Class": ("list", "bulk; direction=outbound", ""),
    "X-Spam-Flag": ("YES", "NO", "yes "),
    "Received-SPF": ("pass (%s: x) receiver=%s" % (US, US), "Pass", "fail receiver=mx.other.example;"),
    "From": ("<joe@keys.example>", "a@reject.example", '"x" <b@quarantine.example>, c@plain.example', "Undisclosed:;", "", "joe", "<@a:joe@keys.example>",
             "joe@keys.example (c)", "=?utf-8?q?x?= <d@ours.example>", "a@b@c", "<>", "x <a@[192.0.2.1]>", "\u00fc@b\u00fccher.example"),
    "Precedence": ("bulk", "list", "BULK (x)", " bulk "),
    "ARC-Seal": ("i=1; a=rsa-sha256; t=1; cv=none; d=keys.example; s=k; b=abcd", "i=2; cv=pass; d=keys.example; s=k; b=", "x"),
    "ARC-Authentication-Results": ("i=1; mx.keys.example; dkim=pass", "i=1", US + "; none"),
    "ARC-Message-Signature": ("i=1; a=rsa-sha256; d=keys.example; s=k; h=from; bh=%s; b=abcd" % EMPTY_HASH,),
    "DKIM-Signature": ("v=1; a=rsa-sha256; d=keys.example; s=k; h=from; bh=%s; b=abcd" % EMPTY_HASH, "v=2; a=x", "garbage",
                       "v=1; a=rsa-sha256; c=simple/simple; d=ours.example; s=none; h=from:from; bh=; b="),
    "Content-Type": ("text/plain", "multipart/mixed; boundary=xx", "message/rfc822"),
    "Received": ("from a by b; Sat, 21 Nov 2026 10:00:00 +0000", "x"),
}
OTHERS = ("Sender", "Reply-To", "To", "Subject", "Return-Path", "List-Id", "MIME-Version", "Bcc", "Resent-From", "Date", "Message-ID", "X-A", "x-B-c_d", "From1")
NO_FIELDS = ("no field", ": empty", " ", "From x Sat Nov 21", ">From: x", "X(c): y", "--xx", "X\u00fc: y", "A" * 300 + ": b", "--xx: y")
BODIES = ("", "Hello.\r\n", "\r\n\r\n", ".\r\n..\r\n", "a " * 300 + "\r\n", "x: y\r\n \r\n\r\n", "a  b \t\r\n" * 20000,
          "--xx\r\nX-Traffic-Class: list\r\nAuthentication-Results: %s; none\r\n\r\nx\r\n--xx--\r\n" % US)


def folded(chance, value):
    if " " in value and chance.random() < 0.3:
        words = value.split(" ")
        at = chance.randrange(1, len(words))
        value = " ".join(words[:at]) + "\r\n" + chance.choice((" ", "\t", "  ", " \t ")) + " ".join(words[at:])
    return ("\r\n " if chance.random() < 0.1 else "") + value + (chance.choice((" ", "\t", "\r\n \t")) if chance.random() < 0.1 else "")


def field(chance):
    name = chance.choice(tuple(VALUES) + OTHERS)
    value = folded(chance, chance.choice(VALUES.get(name, ("x", "a b c", "", "\u00fc", "y" * 300, "a\x01b", "a\x7f"))))
    return "%s:%s%s\r\n" % (chance.choice((name, name, name, name.lower(), name.upper(), name + " ", name + "\t")), chance.choice(("", " ", " ", "\t", "  ")), value)


class Mail:
    def __init__(self, number):
        chance = random.Random("%d.%d" % (SEED, number))
        rows = [field(chance) for _ in range(chance.randrange(1, 9))]
        if chance.random() < 0.06:
            rows.insert(chance.randrange(len(rows) + 1), chance.choice(NO_FIELDS) + "\r\n")
        if chance.random() < 0.7:
            rows.insert(0, "From: Alice <%s>\r\n" % chance.choice(SENDERS[:1] + SENDERS[2:] + ("q@quarantine.example",)))
        data = ("".join(rows) + "\r\n" + chance.choice(BODIES)).encode()
        if chance.random() < 0.35:
            data = self.signed(data, chance)
        self.sign = b"X-Case: %d\r\n" % number          # no signature covers it
        self.data, self.sender, self.client = self.sign + data, chance.choice(SENDERS), chance.choice(CLIENTS)

    @staticmethod
    def signed(data, chance):
        """By dkimpy, where it can make something of the mail."""
        how = {"canonicalize": chance.choice(((b"simple", b"simple"), (b"relaxed", b"relaxed"), (b"relaxed", b"simple"))),
               "include_headers": chance.choice(((b"From",), (b"From", b"Subject", b"X-A"), (b"From", b"Authentication-Results"), (b"From", b"X-Traffic-Class")))}
        try:
            return dkim.sign(data, b"k", b"keys.example", PRIVATE, **how) + data
        except dkim.DKIMException:
            return data

    def send(self, port):
        session = world.Client(port)
        session.say("EHLO me")
        assert session.speak_for(self.client).startswith("220")
        session.say("EHLO client.example.org")
        reply = session.mail(self.data, self.sender, ("kim@keep.example",))
        session.socket.close()
        return reply


# --- what comes out ---

def fields_of(data):
    """Names in lower case, for Postfix takes blanks before a colon out; as they stand behind it."""
    header = data.partition(b"\r\n\r\n")[0] + b"\r\n"
    return [(name.decode().lower(), value) for name, value in re.findall(rb"(?m)^([!-9;-~]+)[ \t]*:((?:[^\r\n]*\r\n)(?:[ \t][^\r\n]*\r\n)*)", header)]


def what_comes_out(mail, hop):
    """The signatures that are ours, but for what is the time's; all other fields; the body."""
    data = world.wait_for("it arrives", lambda: [data for _, _, data in list(hop.mails) if mail.sign in data])[0]
    fields = fields_of(data)
    signed = [re.sub(rb";(?:t|b)=[^;]*", b"", re.sub(rb"\s+", b"", value)) for name, value in fields if name in ("dkim-signature", "arc-message-signature")]
    return {"signed": [tags for tags in signed if b"d=ours.example" in tags or b"d=" + US.encode() in tags],
            "fields": [row for row in fields if row[0] not in ELSEWHERE], "body": data.partition(b"\r\n\r\n")[2]}


def compare(mail, ports, hops):
    """(what is told, what differs)"""
    replies = [mail.send(port) for port in ports]
    if replies[0][:3] != "250" or replies[1][:3] != "250":
        codes = [reply.split()[:2] for reply in replies]
        return " ".join(codes[0]), "" if codes[0] == codes[1] else str(replies)
    relay, asked = (what_comes_out(mail, hop) for hop in hops)
    found = b" ".join(value for name, value in relay["fields"] if name == "authentication-results")
    return ",".join(word.decode() for word in re.findall(rb"(?:dkim|dmarc)=pass", found)), "\n".join(
        "%s: relay %s, milter %s" % (key, [part for part in relay[key] if part not in asked[key]], [part for part in asked[key] if part not in relay[key]])
        if key != "body" else "another body" for key in relay if relay[key] != asked[key])


def soup(tap):
    """Relay and milter, mail by mail"""
    hops = world.NextHop(), world.NextHop()
    relay = world.Relay('"127.0.0.1:%d"' % hops[0].port, name="compared", domain="keep.example", extra=RULES + RESOLVER,
                        listen_extra='xclient-from = { "127.0.0.1" }  class = local  networks = { "10.9.0.0/16" }  max-connections-per-address = 1000').start()
    asked = milter.Milter(RULES, 'networks = { "10.9.0.0/16" }', name="comparing", resolver=RESOLVER).start()
    front = milter.Front(asked, hops[1], name="comparing-front").start()
    mails = [Mail(number) for number in range(N_MAILS)]
    with ThreadPoolExecutor(8) as pool:
        compared = list(pool.map(lambda mail: compare(mail, (relay.port, front.port), hops), mails))
    for mail, (_, differs) in zip(mails, compared):
        if differs:
            tap("the same of %s" % mail.sign.decode().strip(), False, "%s\n%s" % (differs, mail.data[:2000].decode(errors="replace")))
    tap("of %d mails the same comes out" % N_MAILS, not any(differs for _, differs in compared))
    told = collections.Counter(told for told, _ in compared)
    tap("some are refused by their DMARC policy, and some pass", told["550 5.7.26"] > N_MAILS / 50 and sum(n for word, n in told.items() if "dkim=pass" in word) > N_MAILS / 50, told)
    tap("the milter judged all", " unjudged " not in asked.log_text() and "not-changed" not in asked.log_text(), asked.log_text()[-2000:])
    front.stop()
    relay.stop()
    tap("and ends cleanly", asked.stop() == 0)


world.Tap().run(soup)
