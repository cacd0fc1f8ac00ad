#!/usr/bin/python3
"""Limits of rate, by a running daemon: clients that come together, a reload, what the operator sees, and a real Postfix that is put off and comes again;
and by smtpfwd-milter."""
import re
import smtplib
import subprocess
import threading
import time

import milter
import world

APP, OTHER = "10.2.0.7", "10.2.0.8"
CLASSES = 'class "reset" { networks = { "10.2.0.0/16" } headers = { "X-Kind: reset" } }\n' \
          'class "app" {\n    networks = { "10.2.0.0/16" }\n    rate = { %s }\n}\n'
LIMITS = '"5 messages/1h per client", "2 messages/2s per sender"'


def relay_with(limits, name, hop, more=""):
    return world.Relay('"127.0.0.1:%d"' % hop.port, CLASSES % limits, name=name, relay_extra="mode = online",
                       listen_extra='class = application networks = { "10.0.0.0/8" } xclient-from = { "127.0.0.0/8" } ' + more).start()


def try_mail(relay, client, sender, header="", recipients=("bob@example.com",)):
    """The code and the text of the first answer that is no 2xx, or of the last."""
    with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="h", timeout=60) as session:
        session.ehlo()
        assert session.docmd("XCLIENT", "ADDR=%s" % client)[0] == 220
        session.ehlo("h")
        answer = session.mail(sender)
        for recipient in recipients:
            answer = session.rcpt(recipient) if answer[0] == 250 else answer
        if answer[0] == 250:
            answer = session.data(("From: <a@example.org>\r\n%sSubject: x\r\n\r\nx\r\n" % header).encode())
        return answer[0], answer[1].decode()


def at_once(relay, n):
    """So many clients of one address at the same time, each as somebody else; their answers."""
    answers = []
    threads = [threading.Thread(target=lambda i=i: answers.append(try_mail(relay, APP, "a%d@example.org" % i))) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def limits_of(relay):
    return {(row["rate"]["class"], row["rate"]["limit"]): row["rate"] for row in relay.ctl("status") if "rate" in row}


def together(tap):
    """Who come together get no more than the limit, another client and another class have nothing to do with it, and the operator sees it"""
    hop = world.NextHop()
    relay = relay_with(LIMITS, "together", hop)
    answers = at_once(relay, 20)
    codes = sorted(code for code, _ in answers)
    tap("of 20 mails at once the 5 that are allowed go, and arrive", codes == [250] * 5 + [450] * 15 and len(hop.mails) == 5, (codes, len(hop.mails)))
    texts = {text for code, text in answers if code == 450}
    tap("the others hear which limit it is, and when to come again", texts == {"4.7.1 Limit of class app: 5 messages/1h per client; try again in 12m"}, texts)
    tap("another client has its own", try_mail(relay, OTHER, "b@example.org")[0] == 250)
    tap("a password reset does not wait for a campaign", try_mail(relay, APP, "c@example.org", "X-Kind: reset\r\n")[0] == 250)
    lines = re.findall(r"(?m)^.* rejected .*why=\"?rate.*$", relay.log_text())
    tap("the log has a line of the client", len(lines) == 1 and "client=" + APP in lines[0] and "stage=data" in lines[0], lines)
    row = limits_of(relay)[("app", "5 messages/1h per client")]
    tap("status counts them", row["put-off"] == 15 and row["keys"] == 2, row)
    shown = relay.ctl("status", json_out=False)
    tap("for people too", "limit      5 messages/1h per client of class app: 15 put off since it is set, 2 at it\n" in shown, shown)
    path = relay.directory + "/mail.eml"
    with open(path, "wb") as file:
        file.write(world.message("x"))
    steps = relay.ctl("explain", "--client", APP, "--helo", "h", "--from", "a@example.org", "--to", "bob@example.com", path)
    told = [step.get("limits") for step in steps if step["step"] == "class"]
    tap("explain names the limits", told == [[{"limit": text, "applies": True} for text in ("5 messages/1h per client", "2 messages/2s per sender")]], told)
    relay.stop()


def goes_on(tap):
    """A reload leaves counts alone where a limit stays, and a window ends"""
    hop = world.NextHop()
    relay = relay_with('"2 messages/1h per client"', "goes-on", hop)
    codes = [try_mail(relay, APP, "a@example.org")[0] for _ in range(3)]
    with open(relay.config, "w") as out:
        out.write(relay.text.replace('"2 messages/1h per client"', '"2 messages/60m per client", "1 message/2s per sender"'))
    said = relay.ctl("reload", json_out=False)
    code, text = try_mail(relay, APP, "a@example.org")
    tap("a reload that leaves a limit alone forgets nothing", codes == [250, 250, 450] and (code, "2 messages/1h" in text) == (450, True) and "rate" in said,
        (codes, code, text, said))
    codes = [try_mail(relay, OTHER, "b@example.org")[0] for _ in range(2)]
    time.sleep(2.1)
    codes.append(try_mail(relay, OTHER, "b@example.org")[0])
    tap("a new one counts from then on, until its window has passed", codes == [250, 450, 250], codes)
    with open(relay.config, "w") as out:
        out.write(relay.text.replace('"2 messages/1h per client"', '"100 messages/1h per client"'))
    relay.ctl("reload")
    tap("another limit begins anew", try_mail(relay, APP, "a@example.org")[0] == 250 and set(limits_of(relay)) == {("app", "100 messages/1h per client")},
        limits_of(relay))
    line = relay.text[:relay.text.index("rate =")].count("\n") + 1
    with open(relay.config, "w") as out:
        out.write(relay.text.replace("2 messages/1h per client", "2 mails/1h per client"))
    done = subprocess.run([world.BUILD + "/smtpfwd/smtpfwd", "-n", "-c", relay.config], capture_output=True, text=True, timeout=60)
    want = '%s:%d: class "app": rate: "2 mails/1h per client" counts neither messages nor recipients nor bytes' % (relay.config, line)
    tap("a limit that is none is said where it stands", done.returncode != 0 and want in done.stdout + done.stderr, done.stdout + done.stderr)
    relay.stop()


def postfix(tap):
    """A real Postfix is put off, keeps its mail, and brings all of it in time"""
    hop = world.NextHop()
    relay = world.Relay('"127.0.0.1:%d"' % hop.port, 'class "campaign" { networks = { "127.0.0.0/8" } rate = { "3 messages/3s per client" } }\n', name="campaign",
                        relay_extra="mode = online").start()
    sender = world.Postfix("sender", relay_to=relay.port).start()
    for i in range(8):
        world.send(sender.port, world.message("mail %d" % i))
    world.wait_for("all mails arrive", lambda: len(hop.mails) >= 8, 60)
    world.wait_for("Postfix's queue is empty", lambda: sender.queue_size() == 0)
    row = limits_of(relay)[("campaign", "3 messages/3s per client")]
    log = sender.log_text()
    tap("8 mails arrive, each once", sorted(re.search(rb"Subject: (.*?)\r", data).group(1) for _, _, data in hop.mails) == [b"mail %d" % i for i in range(8)])
    tap("some were put off, and none was given up", row["put-off"] > 0 and "450 4.7.1 Limit of class campaign: 3 messages/3s per client; try again in 1s" in log
        and "status=bounced" not in log, "%s\n%s" % (row, log[-3000:]))
    relay.stop()


def by_milter(tap):
    """smtpfwd-milter keeps the same limits for a Postfix, at MAIL where the class is settled, else at the end of the mail"""
    hop = world.NextHop()
    judge = milter.Milter('class "reset" { networks = { "10.2.0.0/16" } headers = { "X-Kind: reset" } }\n'
                          'class "app" { networks = { "10.2.0.0/16" } rate = { "3 messages/1h per client" } }\n'
                          'class "few" { networks = { "10.4.0.0/16" } rate = { "1 message/1h per client" } }\n'
                          'class "big" { networks = { "10.3.0.0/16" } rate = { "2000 bytes/1h per client", "4 recipients/1h per sender" } }\n',
                          section='networks = { "10.0.0.0/8" }').start()
    front = milter.Front(judge, hop).start()

    def mail(client, header="", sender="a@example.org", recipients=("bob@keep.example",), size=0):
        session = world.Client(front.port)
        session.speak_for(client)
        session.say("EHLO h")
        return session.mail(("From: <a@example.org>\r\n%sSubject: x\r\n\r\n%s\r\n" % (header, "x" * size)).encode(), sender, recipients)

    replies = [mail(APP) for _ in range(5)]
    tap("of 5 mails 3 go", [reply[:3] for reply in replies] == ["250"] * 3 + ["450"] * 2 and
        "4.7.1 Limit of class app: 3 messages/1h per client; try again in 20m" in replies[3], replies)
    replies = [mail("10.4.0.1") for _ in range(10)]
    tap("at MAIL, where nothing can change the class", [reply[:3] for reply in replies] == ["250"] + ["450"] * 9 and
        judge.log_text().count(" rejected stage=mail ") == 1, replies)
    tap("a password reset does not wait", mail(APP, "X-Kind: reset\r\n").startswith("250"))
    replies = [mail("10.3.0.1", size=900, sender="a%d@example.org" % i) for i in range(3)]
    tap("bytes are counted, of the body too", [reply[:3] for reply in replies] == ["250", "250", "450"] and "2000 bytes/1h" in replies[2], replies)
    replies = [mail("10.3.0.2", recipients=("b@keep.example", "c@keep.example", "d@keep.example")), mail("10.3.0.3", recipients=("b@keep.example", "c@keep.example"))]
    tap("and recipients", replies[0].startswith("250") and replies[1].startswith("450") and "4 recipients/1h per sender" in replies[1], replies)
    lines = [line for line in judge.log_text().splitlines() if "rate" in line and "started" not in line and ("rejected" in line or "verdict=defer:rate" in line)]
    tap("the log has a line of each who was put off", len(lines) == 4, lines)
    shown = judge.ctl("status")
    tap("status counts them", "limit      3 messages/1h per client of class app: 2 put off since it is set, 1 at it\n" in shown, shown)
    judge.stop()
    front.stop()


world.Tap().run(together, goes_on, postfix, by_milter)
