#!/usr/bin/python3
"""Reports on their way home: Postfix is the sender's server, next hops are Postfix, aiosmtpd and one that says anything."""
import email
import email.policy
import os
import smtplib
import socket
import socketserver
import sys
import threading

from aiosmtpd.controller import Controller

import names
import world

sys.path.insert(0, os.path.join(world.TOP, "tests", "report"))
import grammar  # noqa: E402

UMLAUT = "m\u00fcller"

# An inbox for example.org, where senders live; 8-bit and internationalised mail is taken.
home = world.Postfix("home", extra="virtual_mailbox_domains = example.org victim.example.org\nsmtputf8_enable = yes\n"
                     "smtputf8_autodetect_classes = all\n")
n_relays = 0


class Talker(socketserver.StreamRequestHandler):
    """A next hop whose answer to RCPT is any bytes; it offers what the server's .offers say."""

    def handle(self):
        say = lambda data: (self.wfile.write(data), self.wfile.flush())
        say(b"220 talker\r\n")
        for line in self.rfile:
            verb = line[:4].upper()
            self.server.heard.append(line)
            if verb == b"EHLO":
                say(b"".join(b"250-%s\r\n" % o for o in self.server.offers) + b"250 HELP\r\n")
            elif verb == b"RCPT":
                say(self.server.answer)
            elif verb == b"DATA":
                say(b"354 go on\r\n")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                say(b"250 2.0.0 taken\r\n")
            else:
                say(b"221 bye\r\n" if verb == b"QUIT" else b"250 2.0.0 ok\r\n")
                if verb == b"QUIT":
                    return


def talker(answer=b"250 2.1.5 ok\r\n", offers=(b"talker", b"PIPELINING", b"8BITMIME")):
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talker)
    server.daemon_threads = True
    server.answer, server.offers, server.heard = answer, offers, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    world.ENDERS.append(server.shutdown)
    return server


def relay_to(port, extra=""):
    """smtpfwd in front of a next hop; what is for elsewhere, reports above all, goes home."""
    global n_relays
    n_relays += 1
    return world.Relay('"127.0.0.1:%d"' % port, name="relay%d" % n_relays,
                       extra='outbound = "home"\nroute "home" { next-hop = { "127.0.0.1:%d" } }\n' % home.port + extra).start()


def reports(part=b""):
    """What arrived at home from smtpfwd, as it was sent; Postfix put its own fields on top and took the CRs away."""
    found = []
    for mail in home.mails():
        at = mail.find(b"From: Mail Delivery System <postmaster@old.example.com>")
        if at >= 0 and part in mail:
            found.append(mail[at:].replace(b"\n", b"\r\n"))
    return found


def one_report(part):
    world.wait_for("a report with %r" % part, lambda: reports(part))
    found = reports(part)
    assert len(found) == 1, found
    return found[0]


def setup(tap):
    """The sender's Postfix starts"""
    home.start()
    tap("the sender's Postfix is up", True)


def refused(tap):
    """A next hop refuses with any bytes"""
    answer = (b"550-5.7.1 No, \xff\x1b[2J thanks\r\n550-5.7.1 Content-Type: text/html\r\n550-5.7.1 --=_report_\r\n"
              b"550-5.7.1 " + b"long " * 150 + b"\r\n550 5.7.1 gr\xc3\xbc\xc3\x9fe\r\n")
    hop = talker(answer)
    relay = relay_to(hop.server_address[1])
    world.send(relay.port, world.message("any bytes"), mail_options=["ENVID=QQ314", "RET=HDRS"],
               rcpt_options=["NOTIFY=FAILURE", "ORCPT=rfc822;old+2Bbob@example.com"])
    raw = one_report(b"any.bytes@example.org")
    report = grammar.Report(raw)
    tap("Postfix delivers a report that is one by the grammar of the RFCs", True)
    tap("its fields tell sender and recipient by their names",
        dict(report.message)["original-envelope-id"] == "QQ314" and
        report.recipients[0]["original-recipient"] == "rfc822; old+bob@example.com", raw)
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    text = mail.get_payload()[0].get_content()
    tap("a person reads what the server said, in the language it said it",
        "127.0.0.1 answered:" in text and "gr\u00fc\u00dfe" in text and "What to do:" in text, text)
    tap("the subject says what happened", mail["subject"] == "Mail to bob@example.com could not be delivered", mail["subject"])
    tap("it stands in the thread of the mail", mail["in-reply-to"] == "<any.bytes@example.org>", mail["in-reply-to"])
    returned = mail.get_payload()[2].get_content()
    tap("the header is returned and no body", "Subject: any bytes" in str(returned) and "Hello." not in str(returned), returned)
    relay.stop()


def relayed(tap):
    """A next hop without DSN takes mail with NOTIFY=SUCCESS"""
    hop = talker()
    relay = relay_to(hop.server_address[1])
    world.send(relay.port, world.message("relayed one"), mail_options=["ENVID=r1"], rcpt_options=["NOTIFY=SUCCESS"])
    report = grammar.Report(one_report(b"relayed.one@example.org"))
    tap("the sender is told that it was relayed, and no more will come",
        report.recipients[0]["action"] == "relayed" and "last you hear" in report.text, report.text)
    tap("the next hop heard of no DSN", not any(b"NOTIFY" in h or b"ENVID" in h for h in hop.heard), hop.heard)
    relay.stop()


def passed_on(tap):
    """Postfix as next hop has DSN, and reports success itself"""
    new = world.Postfix("reporting", extra="relayhost = [127.0.0.1]:%d\nsmtp_host_lookup = native\n" % home.port).start()
    relay = relay_to(new.port)
    world.send(relay.port, world.message("passed on"), mail_options=["ENVID=p+2B1"],
               rcpt_options=["NOTIFY=SUCCESS", "ORCPT=rfc822;first+2Bone@example.com"])
    theirs = lambda: [m for m in home.mails() if b"Action: delivered" in m]
    world.wait_for("Postfix's own report", theirs)
    tap("what Postfix reports has the ENVID and ORCPT that we passed on",
        b"Original-Envelope-Id: p+1\n" in theirs()[0] and b"Original-Recipient: rfc822;first+one@example.com\n" in theirs()[0],
        theirs()[0])
    tap("and we report nothing", not reports(b"passed.on@example.org"))
    relay.stop()
    new.stop()


def send_utf8(port, sender, recipient, subject):
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.org", timeout=30) as session:
        session.ehlo()
        session.command_encoding = "utf-8"
        code, text = session.mail(sender, ["SMTPUTF8", "BODY=8BITMIME"])
        assert code == 250, text
        code, text = session.rcpt(recipient)
        assert code == 250, text
        code, text = session.data(("From: <%s>\r\nTo: <%s>\r\nMessage-ID: <%s@example.org>\r\nSubject: gr\u00fc\u00dfe %s\r\n\r\nGr\u00fc\u00dfe\r\n"
                                   % (sender, recipient, subject, subject)).encode())
        assert code == 250, text


class Keeper:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 taken"


def international(tap):
    """Internationalised mail: to a next hop that has SMTPUTF8, and to one that has not"""
    keeper = Keeper()
    controller = Controller(keeper, hostname="127.0.0.1", port=world.free_port(), enable_SMTPUTF8=True)
    controller.start()
    relay = relay_to(controller.port)
    send_utf8(relay.port, "alice@example.org", UMLAUT + "@example.com", "through")
    world.wait_for("the mail arrives", lambda: keeper.mails)
    tap("aiosmtpd gets the address and the header as they were",
        keeper.mails[0][0] == [UMLAUT + "@example.com"] and "Subject: gr\u00fc\u00dfe through".encode() in keeper.mails[0][1], keeper.mails)
    controller.stop()
    relay.stop()

    hop = talker()
    relay = relay_to(hop.server_address[1], "retry { first = 1s factor = 1 }\n")
    send_utf8(relay.port, "alice@example.org", UMLAUT + "@example.com", "no.way")
    report = grammar.Report(one_report(b"no.way@example.org"), is_8bit=False)
    fields = report.recipients[0]
    tap("without SMTPUTF8 it fails with 5.6.7, and the report is ASCII",
        fields["status"] == "5.6.7" and fields["final-recipient"] == "utf-8; m\\x{FC}ller@example.com", report.raw)
    tap("a person reads the address as it is, in text and subject",
        "<%s@example.com>" % UMLAUT in report.text and UMLAUT in report.python_subject, report.text)
    tap("the mail is returned whole, encoded", report.returned_type == "message/global" and
        report.parts[2].encoding == "quoted-printable" and "Gr\u00fc\u00dfe\r\n".encode() in report.returned, report.raw)
    relay.stop()

    hop = talker(b"550 5.1.1 nobody\r\n", (b"talker", b"8BITMIME", b"SMTPUTF8"))
    relay = relay_to(hop.server_address[1])
    send_utf8(relay.port, UMLAUT + "@example.org", "bob@example.com", "own.language")
    report = grammar.Report(one_report(b"own.language@example.org"), is_utf8=True)
    tap("a sender beyond ASCII is told by SMTPUTF8, and Postfix delivers it",
        dict(report.fields)["to"] == "<%s@example.org>" % UMLAUT and report.parts[1].type == "message/global-delivery-status", report.raw)
    relay.stop()


def unverified(tap):
    """A forged sender hears nothing: what fails is held"""
    zone = names.Names("example.org TXT v=spf1 ip4:127.0.0.1 -all\nvictim.example.org TXT v=spf1 -all\n")
    hop = talker(b"550 5.1.1 nobody\r\n")
    relay = relay_to(hop.server_address[1], "bounce-unverified = no\n" + zone.section())
    world.send(relay.port, world.message("forged one"), sender="alice@victim.example.org")
    world.send(relay.port, world.message("honest one"))
    report = grammar.Report(one_report(b"honest.one@example.org"))
    tap("a sender whom SPF verifies has the report, as ever", report.recipients[0]["status"] == "5.1.1", report.raw)
    held = lambda: [row["mail"] for row in relay.ctl("queue", "list", "--held") if "mail" in row]
    world.wait_for("the forged one has failed", held)
    mail = held()[0]
    tap("the other's mail is held, and why is shown", len(held()) == 1 and mail["from"] == "alice@victim.example.org" and mail["held"] and
        mail["held-by"] == "unverified-sender" and mail["recipients"][0]["state"] == "failed, held" and
        "5.1.1 nobody" in mail["recipients"][0]["last"], mail)
    tap("for people", "(held: the sender was not verified)" in relay.ctl("queue", "list", json_out=False))
    tap("no report of it was made", not reports(b"forged.one@example.org") and relay.log_text().count("reported") == 1, relay.log_text())
    relay.stop()
    relay.start()
    tap("it is held across a restart", len(held()) == 1 and relay.queue_size() == 1, held())
    relay.ctl("queue", "release", mail["id"])
    world.wait_for("it was tried again, and fails again", lambda: held() and relay.log_text().count("unverified-sender") == 2)
    relay.ctl("queue", "bounce", "--held")
    report = grammar.Report(one_report(b"forged.one@example.org"))
    tap("the operator can have it reported after all", report.recipients[0]["status"] == "5.1.1", report.raw)
    world.wait_for("the queue is empty", lambda: relay.queue_size() == 0)
    hop.answer = b"550 5.1.1 still nobody\r\n"
    world.send(relay.port, world.message("another one"), sender="alice@victim.example.org")
    world.wait_for("it has failed", held)
    relay.ctl("queue", "remove", "--held")
    tap("or removed", relay.queue_size() == 0 and not reports(b"another.one@example.org"))
    relay.stop()


if __name__ == "__main__":
    socket.setdefaulttimeout(60)
    world.Tap().run(setup, refused, relayed, passed_on, international, unverified)
