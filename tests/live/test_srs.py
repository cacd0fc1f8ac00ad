#!/usr/bin/python3
"""SRS between programs that we did not write: Postfix stores a mail with the address made, and brings a report back to it."""
import os
import re
import smtplib
import subprocess

import world

new = world.Postfix("new")
home = world.NextHop()
secrets = os.path.join(world.WORK, "srs.secret")
relay = None
sender = None
srs = ""


def write_secrets(*lines):
    with open(secrets, "w") as out:
        out.write("".join(line + "\n" for line in lines))
    os.chmod(secrets, 0o600)


def setup(tap):
    """Postfix, smtpfwd with an srs section, Postfix start"""
    global relay, sender
    write_secrets("the first secret of all")
    new.start()
    relay = world.Relay('"127.0.0.1:%d"' % new.port, extra='srs { domain = "fwd.example.com" secret-file = "%s" }\n'
                        'route "home" { next-hop = { "127.0.0.1:%d" } }\noutbound = "home"\n' % (secrets, home.port)).start()
    sender = world.Postfix("sender", relay_to=relay.port).start()
    tap("all are up", True)


def forward(tap):
    """A mail goes out with an SRS address"""
    global srs
    world.send(relay.port, world.message("forward"))
    world.wait_for("the mail arrives", lambda: any(b"Subject: forward" in m for m in new.mails()))
    got = [m for m in new.mails() if b"Subject: forward" in m][0]
    found = re.search(rb"SRS0=[A-Za-z0-9+/]{4}=[A-Z2-7]{2}=example\.org=alice@fwd\.example\.com", got)
    tap("Postfix has it from an SRS address", found is not None, got[:500])
    srs = found.group().decode()
    log = relay.log_text()
    tap("the log has both", "from=alice@example.org" in log and srs in log, log[-1000:])


def shown(tap):
    """What waits is shown with both forms, and a max-age that is too short is noted"""
    with open(relay.config) as file:
        text = file.read()
    short = os.path.join(world.WORK, "short.conf")
    with open(short, "w") as out:
        out.write(text.replace("srs {", "srs { max-age = 4d"))
    check = lambda config: subprocess.run([world.BUILD + "/smtpfwd/smtpfwd", "-n", "-c", config], capture_output=True, text=True).stderr
    tap("a max-age of 4d is noted", "note: srs: mail may wait for longer" in check(short), check(short))
    tap("and 21d is not", "may wait for longer" not in check(relay.config), check(relay.config))
    new.stop()
    world.send(relay.port, world.message("waits"))
    rows = [row["mail"] for row in relay.ctl("queue", "list") if "mail" in row]
    tap("queue list has both forms", len(rows) == 1 and rows[0]["from"] == "alice@example.org"
        and re.fullmatch(r"SRS0=.*=example\.org=alice@fwd\.example\.com", rows[0]["srs"]), rows)
    text = relay.ctl("queue", "show", rows[0]["id"], json_out=False)
    tap("queue show too, in words", "from <alice@example.org>  srs <SRS0=" in text, text)
    new.start()
    world.wait_for("it goes on", lambda: relay.queue_size() == 0)


def back(tap):
    """A report comes back by Postfix"""
    world.send(sender.port, world.message("report"), sender="", recipients=(srs,))
    world.wait_for("it reaches the sender's server", lambda: home.mail_of("report") is not None)
    tap("it is for the original sender, from nobody", [(m[0], m[1]) for m in home.mails] == [("", ["alice@example.org"])], home.mails)


def answer(address):
    with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.example.org", timeout=30) as session:
        session.ehlo()
        session.mail("")
        return session.rcpt(address)[0]


def rotate(tap):
    """Secrets are changed by a reload"""
    write_secrets("another secret, the second", "the first secret of all")
    relay.ctl("reload")
    tap("the old secret behind a new one is believed", answer(srs) == 250)
    write_secrets("another secret, the second")
    relay.ctl("reload")
    tap("without it the address is a forgery", answer(srs) == 550)


def sigterm(tap):
    """SIGTERM ends it cleanly"""
    tap("the daemon ends with status 0", relay.stop() == 0, relay.log_text()[-1500:])


world.Tap().run(setup, forward, shown, back, rotate, sigterm)
