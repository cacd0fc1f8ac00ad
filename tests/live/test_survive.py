#!/usr/bin/python3
"""The author's signature is right behind us: mail goes on byte for byte below the fields that we put on top.

Signed by dkimpy, in formattings that invite a relay to mend them; brought by DATA and BDAT, online and through the queue, with
an SRS address and by XCLIENT.  Judged by dkimpy, and by libopendkim in OpenDKIM behind a Postfix.
"""
import base64
import re
import smtplib
import subprocess

import dkim

import names
import opendkim
import world

KEY = world.WORK + "/sender.pem"
subprocess.run(["openssl", "genrsa", "-traditional", "-out", KEY, "2048"], check=True, capture_output=True)
P = base64.b64encode(subprocess.run(["openssl", "pkey", "-in", KEY, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout).decode()
RECORD = "v=DKIM1; k=rsa; p=" + P
ZONE = names.Names("""
sender.example TXT v=spf1 ip4:192.0.2.10 -all
_dmarc.sender.example TXT v=DMARC1; p=reject
s1._domainkey.sender.example TXT %s
""" % RECORD)
CLIENT = "192.0.2.10"
BASE = b"From: <alice@sender.example>\r\nTo: <bob@example.com>\r\nSubject: %s\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%s@sender.example>\r\n"
FORGED = b"Authentication-Results: old.example.com; dmarc=pass header.from=bank.example\r\n"
OTHERS = b"Authentication-Results: other.example;\r\n\tspf=pass smtp.mailfrom=x\r\n"

# name: header above, body, what is signed beside the usual (None: the usual), survives
MAILS = (
    ("plain", b"", b"Hello.\r\n", None, True),
    ("folded", b"X-Folded: a\r\n b\r\n\t c   d \r\n  \t e\r\nReferences: <1@a>\r\n\t<2@b>\r\n", b"Hello.\r\n", [b"x-folded", b"references"], True),
    ("blanks", b"X-Blanks:  \t two  and\tone \t \r\n", b"trailing  \r\n\ttab\t\r\n  \r\nend\t \r\n", [b"x-blanks"], True),
    ("empty lines", b"", b"\r\n\r\na\r\n\r\n\r\nb\r\n\r\n\r\n\r\n", None, True),
    ("no body", b"", b"", None, True),
    ("dots", b"", b".\r\n..\r\n.a\r\n\r\n.\r\n", None, True),
    ("8-bit", b"X-Eight: caf\xc3\xa9 \xff\xfe\r\n", b"caf\xc3\xa9 \xe9\x80\xff\r\n", [b"x-eight"], True),
    ("odd names", b"x-ODD-name:a\r\nEMPTY:\r\nX-Colon: a: b:c\r\n", b"x\r\n", [b"x-odd-name", b"empty", b"x-colon"], True),
    ("twice", b"X-Twice: 1\r\nX-Twice: 2\r\nX-Twice: 3\r\n", b"x\r\n", [b"x-twice", b"x-twice"], True),
    ("long", b"X-Long: " + b"0123456789" * 95 + b"\r\n", b"abcdefghij" * 99 + b"\r\n", [b"x-long"], True),
    ("mime", b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"=_x\"\r\n",
     b"preamble\r\n--=_x\r\nContent-Type: text/plain\r\n\r\nHello \r\n--=_x--\r\nepilogue", [b"mime-version", b"content-type"], True),
    ("trace", b"Received: from a by b; Sat, 21 Nov 2026 09:00:00 +0000\r\nReturn-Path: <x@y>\r\nDelivered-To: z\r\n", b"x\r\n", None, True),
    ("results of others", OTHERS, b"x\r\n", [b"authentication-results"], True),
    ("forged results", FORGED, b"x\r\n", None, True),
    ("forged results above signed ones", FORGED + OTHERS, b"x\r\n", [b"authentication-results"], True),
    ("forged results that are signed", OTHERS + FORGED, b"x\r\n", [b"authentication-results"], False),
    ("results are forbidden", b"", b"x\r\n", [b"authentication-results"], False),
)
FORMS = ((b"simple", b"simple"), (b"relaxed", b"relaxed"), (b"simple", b"relaxed"), (b"relaxed", b"simple"))


def lookup(name, timeout=5):
    return RECORD.encode() if name.startswith(b"s1._domainkey.sender.example") else None


def is_right(data):
    """dkimpy's word, of any of its signatures."""
    n = len(re.findall(rb"(?im)^DKIM-Signature:", re.split(rb"\r\n\r\n", data, maxsplit=1)[0]))
    return any(dkim.DKIM(data).verify(idx=i, dnsfunc=lookup) for i in range(n))


def make(name, above, body, fields, form):
    data = above + BASE % (name.encode(), name.encode().replace(b" ", b".")) + b"\r\n" + body
    usual = [b"from", b"to", b"subject", b"date", b"message-id"]
    whole = dkim.sign(data, b"s1", b"sender.example", open(KEY, "rb").read(), canonicalize=form, include_headers=usual + (fields or [])) + data
    assert is_right(whole), name
    return whole


def bring(relay, data, by_bdat=False, line_end=b"\r\n"):
    """As the client; the answer to the mail."""
    with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="mail.sender.example", timeout=60) as session:
        session.ehlo()
        assert session.docmd("XCLIENT", "ADDR=%s" % CLIENT)[0] == 220
        session.ehlo()
        assert session.docmd("MAIL", "FROM:<alice@sender.example>")[0] == 250
        assert session.docmd("RCPT", "TO:<bob@example.com>")[0] == 250
        if by_bdat:
            for i in range(0, len(data), 1000):
                session.send(b"BDAT %d\r\n%s" % (len(data[i:i + 1000]), data[i:i + 1000]))
                assert session.getreply()[0] == 250
            session.send(b"BDAT 0 LAST\r\n")
        else:
            assert session.docmd("DATA")[0] == 354
            sent = re.sub(rb"(?m)^\.", b"..", data) + (b"" if data.endswith(b"\r\n") else b"\r\n")
            session.send(sent[:-2].replace(b"\r\n", line_end) + b"\r\n.\r\n")     # the end of data is as strict as ever
        return "%d %s" % (lambda reply: (reply[0], reply[1].decode()))(session.getreply())


def relay_to(hop, name, relay_extra, listen_extra="", extra=""):
    with open(world.WORK + "/srs.secret", "w") as out:
        out.write("a secret\n")
    subprocess.run(["chmod", "600", world.WORK + "/srs.secret"], check=True)
    return world.Relay('"127.0.0.1:%d"' % hop.port, 'srs { domain = "fwd.example.com" secret-file = "%s/srs.secret" }\n%s%s' % (
        world.WORK, extra, ZONE.section("timeout = 1s tries = 1")), relay_extra=relay_extra, name=name,
        listen_extra='xclient-from = { "127.0.0.0/8" } ' + listen_extra).start()


SEES = ("PIPELINING", "8BITMIME", "SMTPUTF8", "XCLIENT ADDR NAME HELO PROTO")
SEES_US = ("PIPELINING", "8BITMIME", "SMTPUTF8")
kept = []                       # as the next hops had it, and whether the signature is to be right


def arrives(tap, relay, hop, how, name, whole, survives, **options):
    answer = bring(relay, whole, **options)
    world.wait_for("the mail arrives", lambda: hop.mails)
    sender, _, got = hop.mails.pop()
    end = whole if whole.endswith(b"\r\n") else whole + b"\r\n"
    below = end.replace(FORGED, b"")
    tap("%s, %s: byte for byte" % (how, name), answer.startswith("250") and got.endswith(below), "%s\n%r\n%r" % (answer, got, below))
    top = got[:-len(below)]
    tap("... below fields of ours", re.fullmatch(rb"((Authentication-Results: old\.example\.com;|X-Traffic-Class:|Received:) (.*\r\n[ \t])*.*\r\n)+", top) and FORGED not in got, top)
    tap("... the signature is %s" % ("right" if survives else "broken, as it must be"), is_right(got) == survives, got)
    kept.append((how, name, got, survives))
    return sender


def modes(tap):
    """Online and queued, seen and with an SRS address"""
    for mode in ("online", "queue"):
        for offers, srs in ((SEES_US, True), (SEES, False)):
            hop = world.NextHop(offers=offers)
            relay = relay_to(hop, "%s-%s" % (mode, srs), "mode = %s" % mode)
            for i, (name, above, body, fields, survives) in enumerate(MAILS):
                for form in (FORMS if mode == "online" and srs else FORMS[i % 4:i % 4 + 1]):
                    how = "%s, %s, %s" % (mode, "SRS" if srs else "XCLIENT", b"/".join(form).decode())
                    sender = arrives(tap, relay, hop, how, name, make(name, above, body, fields, form), survives, by_bdat=i % 2 == 0)
                    if sender.startswith("SRS0=") != srs:
                        tap("the reverse-path is %s" % sender, False)
            relay.stop()


def repaired(tap):
    """bare-line-end = repair: what had CRLF when it was signed has it again"""
    hop = world.NextHop(offers=SEES_US)
    for mode in ("online", "queue"):
        relay = relay_to(hop, "repair-" + mode, "mode = " + mode, listen_extra="bare-line-end = repair")
        for name, above, body, fields, survives in MAILS[:4]:
            arrives(tap, relay, hop, "repaired, " + mode, name, make(name, above, body, fields, FORMS[0]), survives, line_end=b"\n")
        relay.stop()


def doomed(tap):
    """What does not survive is known, and refused where that is asked for"""
    hop = world.NextHop(offers=SEES_US)
    relay = relay_to(hop, "doomed", "mode = online", extra="forward-doomed = reject\n")
    for name, above, body, fields, survives in MAILS:
        answer = bring(relay, make(name, above, body, fields, FORMS[1]))
        tap("forward-doomed = reject, %s: %s" % (name, answer[:10]), answer.startswith("250" if survives else "550 5.7.21 "), answer)
    log = relay.log_text()
    tap("and the log tells why", log.count("doomed=signature-broken") == sum(not mail[4] for mail in MAILS) and "survives=dkim:sender.example" in log, log[-500:])
    relay.stop()


def remembered(tap):
    """mode = queue: what next hops did with XCLIENT is known from the mail before"""
    unsigned = BASE % (b"unsigned", b"unsigned") + b"\r\nHello.\r\n"
    for offers, second in ((SEES_US, "550 5.7.20"), (SEES, "250")):
        hop = world.NextHop(offers=offers)
        relay = relay_to(hop, "remembered-" + second[:3], "mode = queue", extra="forward-doomed = reject\n")
        first = bring(relay, unsigned)
        world.wait_for("the mail arrives", lambda: hop.mails)
        world.wait_for("that is in the log", lambda: "delivered" in relay.log_text())
        answer, log = bring(relay, unsigned), relay.log_text()
        tap("%s: first %s, then %s" % ("XCLIENT" if offers is SEES else "none", first[:3], answer[:10]), first.startswith("250") and
            answer.startswith(second) and "survives=spf? doomed" not in log and ("survives=none doomed=spf-only" in log) == (second != "250"), log[-800:])
        name = re.search(r"accepted id=(\w+)", log)[1]
        tap("a mail's trace tells it", "survives=" in relay.ctl("trace", name, json_out=False))
        relay.stop()


def opendkim_agrees(tap):
    """libopendkim, asked by a Postfix for each mail as the next hops had it"""
    judge = opendkim.OpenDkim("judge", ZONE).start()
    postfix = world.Postfix("judged", extra=judge.settings()).start()
    n_wrong, shown = 0, []
    for i, (how, name, got, survives) in enumerate(kept):
        if name == "forged results that are signed" or not survives:
            continue            # which of several signatures it names it does not say
        mark = b"judged-%d@x" % i
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as session:
            session.ehlo()
            session.docmd("MAIL", "FROM:<%s>" % mark.decode())
            session.docmd("RCPT", "TO:<bob@example.com>")
            session.docmd("DATA")
            session.send(re.sub(rb"(?m)^\.", b"..", got) + b".\r\n")
            assert session.getreply()[0] == 250
    wanted = [i for i, mail in enumerate(kept) if mail[3]]
    world.wait_for("all are delivered", lambda: len(postfix.mails()) == len(wanted), 60)
    for data in postfix.mails():
        i = int(re.search(rb"judged-(\d+)@x", data)[1])
        if not re.search(rb"Authentication-Results: opendkim\.example\.net;\s+dkim=pass", data):
            n_wrong += 1
            shown.append((kept[i][:2], data[:700]))
    tap("all %d are right to libopendkim too" % len(wanted), n_wrong == 0 and len(wanted) > 80, shown[:3])


world.Tap().run(modes, repaired, doomed, remembered, opendkim_agrees)
