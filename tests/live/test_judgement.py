#!/usr/bin/python3
"""Mail is judged and signed, by the word of others: dkimpy and OpenDKIM sign and verify, Postfix carries, authres reads our fields.

Clients of the listener "mx" are strangers, whoever they say to be by XCLIENT; those of "apps" may relay.  Mail for
example.com ends in a Postfix that asks OpenDKIM, mail for keep.example in a server that keeps every byte.
"""
import base64
import importlib.machinery
import importlib.util
import os
import re
import socket

import authres
import dkim

import names
import opendkim
import world

VECTORS = os.path.join(world.TOP, "tests/vectors/dkim")
US = "old.example.com"
STRANGER = "192.0.2.77"
ALLOWED = "198.51.100.7"        # whom the domains of the zone allow to send
KEEP = ("kim@keep.example",)


def load_make():
    """The maker of the vectors signs with any tag."""
    loader = importlib.machinery.SourceFileLoader("make_vectors", VECTORS + "/make")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("make_vectors", loader))
    loader.exec_module(module)
    return module


make = load_make()
ZONE = names.Names("""
plain.example TXT v=spf1 ip4:198.51.100.7 -all
reject.example TXT v=spf1 ip4:198.51.100.7 -all
_dmarc.reject.example TXT v=DMARC1; p=reject
sub.reject.example TXT v=spf1 ip4:198.51.100.7 -all
quarantine.example TXT v=spf1 ip4:198.51.100.7 -all
_dmarc.quarantine.example TXT v=DMARC1; p=quarantine
watched.example TXT v=spf1 ip4:198.51.100.7 -all
_dmarc.watched.example TXT v=DMARC1; p=none
broken.example TXT v=spf1 -all
_dmarc.broken.example SERVFAIL
unsettled.example SERVFAIL
_dmarc.unsettled.example TXT v=DMARC1; p=reject
client.example.org TXT v=spf1 ip4:198.51.100.7 -all
7.100.51.198.in-addr.arpa PTR client.example.org
client.example.org A 198.51.100.7
""")
hop = world.NextHop()


def write(name, data, mode=0o600):
    path = os.path.join(world.WORK, name)
    with open(path, "wb") as out:
        out.write(data)
    os.chmod(path, mode)
    return path


def publish(selector, domain, **changes):
    """The key of that name at another domain; tags of its record changed."""
    record = dict(tag.split("=", 1) for tag in make.keys["%s._domainkey.example.com" % selector].decode().split("; "))
    record.update(changes)
    ZONE.add_row("%s._domainkey.%s" % (selector, domain), "TXT", "; ".join("%s=%s" % item for item in record.items()))


def prepare_keys():
    for bits in (1023, 1024, 512):
        make.make_rsa("rsa%d" % bits, bits)
    make.make_rsa("rsa", 2048)
    make.private["ed"] = make.nacl.signing.SigningKey.generate()
    make.publish("ed", b"ed25519", bytes(make.private["ed"].verify_key))
    for domain in ("ours.example", US, "reject.example"):
        for selector in ("rsa", "ed"):
            publish(selector, domain)
    with open(VECTORS + "/keys") as keys:       # of the vectors, in their own domain
        for line in keys:
            name, record = line.rstrip("\n").split("\t")
            ZONE.add_row(name, "TXT", record)
    for name, changes in (("revoked", {"p": ""}), ("web", {"s": "web"}), ("mailonly", {"s": "email"}), ("sha1only", {"h": "sha1"}),
                          ("sha256only", {"h": "sha1:sha256"}), ("wrongkind", {"k": "ed25519"}), ("strict", {"t": "s"}), ("testing", {"t": "y"})):
        make.private[name] = make.private["rsa"]
        make.keys["%s._domainkey.example.com" % name] = make.keys["rsa._domainkey.example.com"]
        publish(name, "keys.example", **changes)
    for selector in ("rsa", "ed", "rsa512", "rsa1023", "rsa1024"):
        publish(selector, "keys.example")
    der = bytes.fromhex("302e020100300506032b657004220420") + bytes(make.private["ed"])
    pem = b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(der) + b"-----END PRIVATE KEY-----\n"
    return write("rsa.pem", make.private["rsa"]), write("ed.pem", pem)


class Judge(world.Relay):
    """A relay with the listeners "mx" and "apps", and a section sign for each of our domains."""

    def __init__(self, name, verify="", end_port=9, more=""):
        self.apps_port = world.free_port()
        signs = "".join('sign "%s" { selector = { "rsa", "ed" }  key = { "%s", "%s" } }\n' % ((domain,) + KEYS) for domain in ("ours.example", US))
        super().__init__('"127.0.0.1:%d"' % end_port, name=name, listen_extra='xclient-from = { "127.0.0.1" }  class = incoming', extra="""
listen "apps" { address = { "127.0.0.1:%d" }  networks = { "127.0.0.0/8" }  class = application  max-message = 50M }
relay "keep" { domains = { "keep.example", "ours.example" }  next-hop = { "127.0.0.1:%d" }  mode = queue  verify-recipients = no  check-interval = 1s }
retry { first = 1s  max = 1s }
verify { %s }
%s
%s
""" % (self.apps_port, hop.port, verify, signs, more + ZONE.section("timeout = 2s  tries = 2")))

    def judge(self, data, sender="alice@plain.example", client=STRANGER, recipients=KEEP, port=None):
        """The reply to a mail of a stranger."""
        session = world.Client(self.port)
        session.speak_for(client)
        reply = session.mail(data, sender, recipients)
        session.socket.close()
        return reply

    def submit(self, data, sender="alice@ours.example", recipients=KEEP):
        """The reply to a mail of one who may relay."""
        session = world.Client(self.apps_port)
        session.say("EHLO app.example.org")
        reply = session.mail(data, sender, recipients)
        session.socket.close()
        return reply


KEYS = prepare_keys()
end_judge = opendkim.OpenDkim("end-judge", ZONE)
end = world.Postfix("end", extra=end_judge.settings() + "smtpd_discard_ehlo_keywords = xclient, xforward\n")
relay = Judge("judge", end_port=end.port)


def mail(subject, author="alice@plain.example", fields="", body="Hello.\r\n"):
    return ("From: Alice <%s>\r\nTo: <kim@keep.example>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: %s\r\nMessage-ID: <%s@x>\r\n%s\r\n%s"
            % (author, subject, subject, fields, body)).encode()


def header_lines(data):
    """The fields of a mail, unfolded."""
    return re.sub(rb"\r?\n(?=[ \t])", b"", re.split(rb"\r?\n\r?\n", data)[0]).decode(errors="replace").splitlines()


def stamps(data, authserv_id=US):
    """The fields Authentication-Results in our name, as authres reads them; what it cannot read counts if it names us."""
    found = []
    for line in header_lines(data):
        if not re.match(r"authentication-results\s*:", line, re.I):
            continue
        try:
            parsed = authres.AuthenticationResultsHeader.parse(line)
            if parsed.authserv_id.lower() == authserv_id:
                found.append(parsed)
        except authres.AuthResError:
            found += [line] if authserv_id in line.lower() else []
    return found


def stamp(data, authserv_id=US):
    found = stamps(data, authserv_id)
    assert len(found) == 1, (len(found), data[:3000])
    return found[0]


def results(parsed, method):
    return [(r.result, {"%s.%s" % (p.type, p.name): p.value for p in r.properties}) for r in parsed.results if r.method == method]


def arrived(subject):
    return world.wait_for("%s arrives" % subject, lambda: hop.mail_of(subject))


def key_from_zone(name, timeout=5):
    rows = ZONE.rows_of(names.key_of(name.decode()))
    return rows[0][1].encode() if rows else None


def dkimpy_says(data):
    """For each signature whether dkimpy takes it."""
    n = sum(line.lower().startswith("dkim-signature:") for line in header_lines(data))
    found = []
    for i in range(n):
        try:
            found.append(dkim.DKIM(data, minkey=1024).verify(idx=i, dnsfunc=key_from_zone))
        except dkim.DKIMException as trouble:
            found.append(str(trouble))
    return found


def begin(tap):
    """smtpfwd, Postfix and OpenDKIM start"""
    end_judge.start()
    end.start()
    relay.start()
    tap("they are up", True)


# --- what others signed ---

PASSING = {     # of the vectors: the results, from the top
    "both": ["pass", "pass"], "signs-signature": ["pass", "pass"],
    "bits-512": [None], "sha1": [None], "bits-5120": [None], "past": [None], "l-more": [None],
    "l-part": ["policy"], "l-zero": ["policy"],         # partial-body = no
    "rfc6376": [None],                  # its key has 512 bits at least; nobody knows what its body was
    "odd-from": None, "two-from": None,         # a From nobody can read, and two of them: whatever the result, no accident
}
NO_SMTP = {"nul-relaxed", "nul-simple", "rfc6376", "rfc8463"}     # a NUL is no mail (RFC 5321 2.3.8); the RFC's keys are another zone's


def vectors(tap):
    """Mails that dkimpy signed, through SMTP"""
    sent = []
    for name in sorted(file[:-4] for file in os.listdir(VECTORS) if file.endswith(".eml")):
        if name in NO_SMTP:
            continue
        with open("%s/%s.eml" % (VECTORS, name), "rb") as file:
            data = file.read()
        reply = relay.judge(data, sender="v.%s@plain.example" % name)
        sent.append((name, reply))
    world.wait_for("they arrive", lambda: len(hop.mails) >= sum(reply.startswith("250") for _, reply in sent))
    of = {sender.split("@")[0][2:]: data for sender, _, data in hop.mails if sender.startswith("v.")}
    for name, reply in sent:
        wanted = PASSING.get(name, ["pass"])
        if name not in of:
            tap("vector %s" % name, False, reply)
            continue
        found = [result for result, _ in results(stamp(of[name]), "dkim")]
        tap("vector %s: %s" % (name, ", ".join(found)), wanted is None or len(found) == len(wanted) and all(
            f == w if w else f != "pass" for f, w in zip(found, wanted)), of[name][:3000])


def signed(name, selector="rsa", **tags):
    tags.setdefault("d", b"keys.example")
    return name, make.sign(mail(name, "joe@keys.example"), selector, **tags)


def keys(tap):
    """Keys that are too weak, revoked, or for something else"""
    cases = [
        (signed("rsa"), "pass"), (signed("ed"), "permerror"), (signed("ed.right", "ed"), "pass"),
        (signed("rsa1024", "rsa1024"), "pass"), (signed("rsa1023", "rsa1023"), None), (signed("rsa512", "rsa512"), None),
        (signed("sha1", "rsa", a=b"rsa-sha1"), None), (signed("revoked", "revoked"), None), (signed("web", "web"), None),
        (signed("mailonly", "mailonly"), "pass"), (signed("sha1only", "sha1only"), None), (signed("sha256only", "sha256only"), "pass"),
        (signed("wrongkind", "wrongkind"), None), (signed("strict", "strict"), "pass"), (signed("strict.below", "strict", i=b"@a.keys.example"), None),
        (signed("below", "rsa", i=b"@a.keys.example"), "pass"), (signed("elsewhere", "rsa", i=b"@keys.example.org"), None),
        (signed("expired", "rsa", t=b"1700000000", x=b"1700000001"), None), (signed("future", "rsa", t=b"4000000000"), None),
        (signed("nokey", "rsa", s=b"nobody"), None), (signed("no.from", "rsa", h=b"to : subject"), None),
        (signed("whole", "rsa", l=b"8"), "pass"), (signed("partial", "rsa", l=b"3"), "policy"),
    ]
    for (name, data), wanted in cases:
        if name == "ed":                # the name of a key is not its kind: a mail of ours, its b= spoiled
            data, wanted = signed("ed", "ed")[1].replace(b"Hello", b"Hullo"), "fail"
        reply = relay.judge(data, sender="joe@keys.example")
        found = results(stamp(arrived(name)), "dkim") if reply.startswith("250") else []
        tap("%s: %s" % (name, found[0][0] if found else reply), len(found) == 1 and (found[0][0] == wanted if wanted else found[0][0] != "pass"),
            (found, wanted, reply))
        if wanted == "pass" and found:
            tap("%s: it says whose it is" % name, found[0][1].get("header.d") == "keys.example" and found[0][1].get("header.b"), found)


def real_signer(tap):
    """OpenDKIM in a real Postfix signs; on our way out dkimpy agrees"""
    for canonicalization in ("simple/simple", "relaxed/relaxed"):
        word = canonicalization.split("/")[0]
        signer = opendkim.OpenDkim("signer-" + word, ZONE, {"reject.example": ("rsa", KEYS[0])}, canonicalization).start()
        sender = world.Postfix("sender-" + word, relay_to=relay.port, extra=signer.settings()).start()
        world.send(sender.port, mail("by-opendkim-" + word, "joe@reject.example", body="a  b \t\r\n\r\n\r\n"), sender="joe@reject.example", recipients=KEEP)
        data = arrived("by-opendkim-" + word)
        parsed = stamp(data)
        tap("%s: its signature passes, and so does DMARC" % canonicalization, [r for r, _ in results(parsed, "dkim")] == ["pass"]
            and [r for r, _ in results(parsed, "dmarc")] == ["pass"], data)
        tap("%s: and it is still right behind us" % canonicalization, dkimpy_says(data) == [True], data)
        sender.stop()
        signer.stop()


# --- what we sign ---

BODIES = {
    "folded": ("Subject-Of-Old: a\r\n\tb\r\n   c  \r\nX-Empty:\r\nX-Blank: \t \r\nTo: a@x,\r\n b@x,\r\n\tc@x\r\n", "Hello.\r\n"),
    "blanks": ("", "a  \r\n \r\n\t\r\nb \t c\r\n \r\n\r\n\r\n"),
    "dots": ("", ".\r\n..\r\n.a\r\n\r\n.\r\n"),
    "empty": ("", ""),
    "lines": ("", "\r\n\r\n\r\n"),
    "no-end": ("", "no line end"),
    "long": ("X-Long: %s\r\n" % ("x" * 900), "y" * 5000 + " " + "z" * 3000 + "\r\nend\r\n"),
    "8bit": ("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", "Gr\u00fc\u00dfe \u4f60\u597d\r\n"),
    "large": ("", "".join("%064d\r\n" % i for i in range(10 * 1024 * 1024 // 66))),
}


def our_signatures(tap):
    """What we sign is right for dkimpy and for OpenDKIM in Postfix, whatever the mail looks like"""
    for name, (fields, body) in BODIES.items():
        subject = "ours-" + name
        data = mail(subject, "alice@ours.example", fields, body)
        reply = relay.submit(data, recipients=KEEP + ("bob@example.com",))
        tap("%s: taken" % name, reply.startswith("250"), reply)
        kept = arrived(subject)
        tap("%s: dkimpy takes both signatures" % name, dkimpy_says(kept) == [True, True], (dkimpy_says(kept), kept[:3000]))
        tap("%s: and nothing else was changed" % name, kept.endswith(data if data.endswith(b"\r\n") else data + b"\r\n"), kept[:3000])
        delivered = world.wait_for("%s is delivered" % name, lambda: [m for m in end.mails() if b"\nSubject: %s\n" % subject.encode() in m])[0]
        found = results(stamp(delivered, end_judge.AUTHSERV_ID), "dkim")
        tap("%s: OpenDKIM takes them too" % name, [r for r, _ in found] == ["pass", "pass"], delivered[:3000])
        if name == "folded":
            tap("mail of one who may relay has no results of ours", not stamps(kept), kept)


def not_ours(tap):
    """Who only claims our domain gets no signature"""
    relay.judge(mail("claimed", "alice@ours.example"), sender="alice@ours.example")
    data = arrived("claimed")
    tap("a stranger's mail is not signed", not any(line.lower().startswith("dkim-signature") for line in header_lines(data)), data)
    tap("but judged", stamp(data) is not None)
    relay.submit(mail("other", "alice@other.example"))
    data = arrived("other")
    tap("nor is mail of a domain that we do not sign for", not any(line.lower().startswith("dkim-signature") for line in header_lines(data)), data)


def own_reports(tap):
    """A report of ours is signed"""
    usual = hop.answer
    hop.answer = lambda sender, recipients: "550 5.1.1 nobody here" if "nobody@keep.example" in recipients else usual(sender, recipients)
    reply = relay.submit(mail("to-nobody", "alice@ours.example"), recipients=("nobody@keep.example",))
    tap("taken", reply.startswith("250"), reply)
    report = world.wait_for("a report comes", lambda: [data for sender, _, data in list(hop.mails) if sender == "" and b"multipart/report" in data])[0]
    tap("for our own name, and dkimpy takes both signatures", dkimpy_says(report) == [True, True] and b"d=%s;" % US.encode() in report,
        (dkimpy_says(report), report[:3000]))
    hop.answer = usual
    hop.refused.clear()


def once(tap):
    """A mail is sealed once: every attempt brings the same bytes, over a restart too"""
    usual, hop.answer = hop.answer, lambda sender, recipients: "451 4.3.0 later"
    relay.submit(mail("again", "alice@ours.example"))
    relay.judge(make.sign(mail("again-judged", "joe@keys.example"), "rsa", d=b"keys.example"), sender="joe@keys.example")
    tried = lambda subject: [data for _, _, data in list(hop.refused) if b"Subject: %s\r\n" % subject in data]
    world.wait_for("both were tried twice", lambda: len(tried(b"again")) >= 2 and len(tried(b"again-judged")) >= 2)
    relay.stop()
    relay.start()
    hop.answer = usual
    for subject in ("again", "again-judged"):
        data = arrived(subject)
        tap("%s: after %d attempts the same" % (subject, len(tried(subject.encode()))), set(tried(subject.encode())) == {data}, data)
        tap("%s: its signatures are right" % subject, set(dkimpy_says(data)) == {True}, data)


# --- results in our name ---

FORGED = (
    "Authentication-Results: old.example.com; dkim=pass header.d=bank.example",
    "AUTHENTICATION-RESULTS: OLD.Example.COM; spf=pass",
    "Authentication-Results:\r\n\told.example.com\r\n\t;\r\n dkim=pass header.d=bank.example",
    "Authentication-Results: (it (is) us) old.example.com (yes) 1; dkim=pass header.d=bank.example",
    'Authentication-Results: "old.example.com"; dkim=pass header.d=bank.example',
    'Authentication-Results: "old\\.example.com"; dkim=pass header.d=bank.example',
    "Authentication-Results: old.example.com.; dkim=pass header.d=bank.example",
    "Authentication-Results: old.example.com; none",
    "Authentication-Results: old.example.com dkim=pass",
    "Authentication-Results : old.example.com; dkim=pass header.d=bank.example",
    "Authentication-Results: =?utf-8?q?old.example.com?=; dkim=pass header.d=bank.example",
)
OTHERS = (
    "Authentication-Results: mx.google.com; dkim=pass header.d=gmail.com",
    "Authentication-Results: old.example.com.evil.example; spf=pass",
    "Authentication-Results: very.old.example.com; spf=pass",
    "X-Authentication-Results: old.example.com; spf=pass",
    "ARC-Authentication-Results: i=1; old.example.com; spf=pass",
)


def forged(tap):
    """Results in our name are ours only"""
    for who, send in (("stranger", relay.judge), ("trusted", relay.submit)):
        fields = [field for pair in zip(FORGED, OTHERS * 3) for field in pair]
        reply = send(mail("forged-" + who, fields="".join("%s\r\n" % f for f in fields)))
        data = arrived("forged-" + who) if reply.startswith("250") else reply.encode()
        ours = [line for line in header_lines(data) if line.lower().startswith("authentication-results") and "bank.example" in line]
        tap("%s: %d disguises are gone" % (who, len(FORGED)), b"bank.example" not in data and len(stamps(data)) == (who == "stranger"), ours or data)
        tap("%s: those of others are there" % who, all(field in header_lines(data) for field in OTHERS), data)
    for number, field in enumerate(FORGED):     # alone, too
        relay.judge(mail("forged-%d" % number, fields=field + "\r\n"))
    left = [FORGED[number] for number in range(len(FORGED)) if len(stamps(arrived("forged-%d" % number))) != 1]
    tap("each alone, too", not left, left)


# --- what DMARC decides ---

def dmarc_of(data):
    found = results(stamp(data), "dmarc")
    return found[0][0] if found else None


def modes(tap):
    """dmarc = enforce, stamp and off; a name of our own for the results"""
    enforce = Judge("enforce", "dmarc = enforce").start()
    reply = enforce.judge(mail("e-reject", "a@reject.example"), sender="a@reject.example")
    tap("enforce: p=reject and a fail is 550 5.7.26", reply.startswith("550 5.7.26"), reply)
    reply = enforce.judge(mail("e-spoof", "a@reject.example"), sender="a@plain.example", client=ALLOWED)
    tap("enforce: SPF of another domain does not help", reply.startswith("550 5.7.26"), reply)
    reply = enforce.judge(mail("e-sub", "a@sub.reject.example"), sender="a@sub.reject.example")
    tap("enforce: the policy stands for the domains below", reply.startswith("550 5.7.26"), reply)
    for subject, author, sender, client in (("e-spf", "a@reject.example", "a@reject.example", ALLOWED),
                                            ("e-relaxed", "a@reject.example", "a@sub.reject.example", ALLOWED)):
        reply = enforce.judge(mail(subject, author), sender=sender, client=client)
        tap("enforce: %s passes" % subject, reply.startswith("250") and dmarc_of(arrived(subject)) == "pass", reply)
    reply = enforce.judge(make.sign(mail("e-dkim", "a@reject.example"), "ed", d=b"reject.example"), sender="list@plain.example")
    tap("enforce: a right signature passes where SPF fails", reply.startswith("250") and dmarc_of(arrived("e-dkim")) == "pass", reply)
    reply = enforce.judge(mail("e-quarantine", "a@quarantine.example"), sender="a@quarantine.example")
    data = arrived("e-quarantine") if reply.startswith("250") else b""
    tap("enforce: p=quarantine is taken, and marked", "X-Spam-Flag: YES" in header_lines(data) and dmarc_of(data) == "fail", (reply, data))
    reply = enforce.judge(mail("e-none", "a@watched.example"), sender="a@watched.example")
    data = arrived("e-none") if reply.startswith("250") else b""
    tap("enforce: p=none is only told", "X-Spam-Flag: YES" not in header_lines(data) and dmarc_of(data) == "fail", (reply, data))
    for domain in ("broken", "unsettled"):
        reply = enforce.judge(mail("e-" + domain, "a@%s.example" % domain), sender="a@%s.example" % domain)
        tap("enforce: what the DNS does not settle is 451 (%s)" % domain, reply.startswith("451"), reply)
    reply = enforce.submit(mail("e-ours", "a@reject.example"), sender="a@reject.example")
    tap("enforce: mail of one who may relay is not judged", reply.startswith("250"), reply)
    tap("nothing that was refused arrived", not any(hop.mail_of(s) for s in ("e-reject", "e-spoof", "e-sub", "e-broken", "e-unsettled")))
    tap("enforce: a clean end", enforce.stop() == 0, enforce.log_text()[-2000:])

    reply = relay.judge(mail("s-reject", "a@reject.example"), sender="a@reject.example", client=ALLOWED.replace("7", "8"))
    tap("stamp: p=reject and a fail is told only", reply.startswith("250") and dmarc_of(arrived("s-reject")) == "fail", reply)
    reply = relay.judge(mail("s-broken", "a@broken.example"), sender="a@broken.example")
    tap("stamp: a temperror is told only", reply.startswith("250") and dmarc_of(arrived("s-broken")) == "temperror", reply)
    relay.judge(mail("s-pass", "a@reject.example"), sender="a@reject.example", client=ALLOWED)
    parsed = stamp(arrived("s-pass"))
    tap("stamp: iprev, and spf of both identities", [r for r, _ in results(parsed, "iprev")] == ["pass"]
        and [(r, sorted(p)) for r, p in results(parsed, "spf")] == [("pass", ["smtp.mailfrom"]), ("pass", ["smtp.helo"])], str(parsed))
    words = re.findall(r"judged .*dmarc=.*", relay.log_text())[-1]
    tap("stamp: one line of the log has all of it", all(word in words for word in ("iprev=pass", "spf-helo=pass", "spf=pass", "dkim=none",
        "dmarc=pass:reject.example")), words)

    other = Judge("other", 'dmarc = off  authserv-id = "judge.example"  received-spf = yes').start()
    other.judge(mail("o-reject", "a@reject.example", fields=FORGED[0] + "\r\nAuthentication-Results: judge.example; spf=pass\r\n"), sender="a@reject.example")
    data = arrived("o-reject")
    tap("off: no word of DMARC", not results(stamp(data, "judge.example"), "dmarc"), data)
    tap("the name is what authserv-id says, and only that one is ours", any(line == FORGED[0] for line in header_lines(data)), data)
    tap("received-spf = yes writes that field", sum(line.startswith("Received-SPF: fail") for line in header_lines(data)) >= 1, data)
    tap("off: a clean end", other.stop() == 0, other.log_text()[-2000:])


def over(tap):
    """The end"""
    tap("a clean end", relay.stop() == 0, relay.log_text()[-2000:])


socket.setdefaulttimeout(60)
world.Tap().run(begin, vectors, keys, real_signer, our_signatures, not_ours, own_reports, once, forged, modes, over)
