"""scenario_send.py - clients of the scenario: a mail to a Postfix or to the relay as from where it comes, and to smtpfwdctl explain"""
import json
import os
import re
import smtplib
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor

import world

AT_ONCE = 12                    # clients
IN_A_SESSION = 4                # mails
PASSWORD = "pencil"


def transaction(session, mail):
    """The answer "CODE TEXT" that decided."""
    options = (["SMTPUTF8"] if mail.is_utf8 else []) + (["BODY=8BITMIME"] if not mail.data.isascii() else [])
    answers = [session.mail(mail.sender, options)]
    for recipient in mail.recipients:
        if answers[-1][0] < 400:
            answers.append(session.rcpt(recipient))
    if answers[-1][0] < 400:
        answers.append(session.data(mail.data))
    if answers[-1][0] >= 400:
        session.rset()
    return "%d %s" % (answers[-1][0], answers[-1][1].decode())


def send(host, port, mails, keys):
    """The answers to mails of one client, in one session."""
    who = mails[0].kind.who
    with smtplib.SMTP(host, port, local_hostname=who.helo, source_address=(who.address, 0), timeout=60) as session:
        session.ehlo()
        if who.login or who.certificate:
            tls = ssl._create_unverified_context()
            if who.certificate:
                tls.load_cert_chain("%s/%s.pem" % (keys, who.certificate), "%s/%s.key" % (keys, who.certificate))
            session.starttls(context=tls)
            session.ehlo()
        if who.login:
            session.login(who.login, PASSWORD)
        return [transaction(session, mail) for mail in mails]


def send_locally(host, mail):
    """By sendmail(1) of that Postfix; an answer as its smtpd gives it."""
    subprocess.run(["sendmail", "-C", host.etc, "-i", "-f", mail.sender, *mail.recipients], input=mail.data.replace(b"\r\n", b"\n"), check=True,
                   capture_output=True, timeout=60)
    message_id = re.search(rb"Message-ID: (<[^>]+>)", mail.data).group(1).decode()
    found = world.wait_for("Postfix has it", lambda: re.search(r"(\S+): message-id=" + re.escape(message_id), host.log_text()))
    return "250 queued as " + found.group(1)


class Explained:
    """What explain says: .reply, .words (as in the log), .added (fields), .is_signed, .steps."""

    def __init__(self, config, mail, *options):
        who, path = mail.kind.who, os.path.join(world.WORK, mail.subject.replace(" ", "-") + "".join(options) + ".eml")
        with open(path, "wb") as out:
            out.write(mail.data)
        words = [word for recipient in mail.recipients for word in ("--to", recipient)]
        words += ["--login", who.login] if who.login else []
        words += ["--certificate", who.certificate] if who.certificate else []
        result = subprocess.run([world.BUILD + "/smtpfwd/smtpfwdctl", *options, "-c", config, "--json", "explain", "--listener", mail.kind.at, "--client", who.address,
                                 "--helo", who.helo, "--from", mail.sender or "<>", *words, path], capture_output=True, text=True, timeout=60)
        os.unlink(path)
        self.steps = [json.loads(line) for line in result.stdout.splitlines()]
        if not self.steps:
            raise AssertionError("explain of %s: %s" % (mail.kind.name, result.stderr))
        refused = [row["reply"] for row in self.all("recipient") if "reply" in row]
        self.reply = refused[0] if len(refused) == len(mail.recipients) else self.steps[-1].get("reply", "250")
        step = self.all("class")
        self.words = "" if not step else "%s %s %s" % (step[-1]["class"], step[-1]["direction"],
                                                       ",".join(step[-1][key]["by"] for key in ("peer", "mail") if key in step[-1]))
        self.added = [row["field"] for row in self.all("added")]
        self.is_signed = any(row["signed"] for row in self.all("signing"))

    def all(self, step):
        return [row for row in self.steps if row["step"] == step]


def at_once(call, mails, n=AT_ONCE):
    """What the call returns for each, in their order."""
    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(call, mails))


def in_sessions(call, mails):
    """What the call returns for mails of one client for one service, some at a time; for all of them, in their order."""
    sessions = {}
    for number, mail in enumerate(mails):
        of_client = sessions.setdefault((mail.kind.at, mail.kind.who), [[]])
        if len(of_client[-1]) == IN_A_SESSION:
            of_client.append([])
        of_client[-1].append(number)
    groups = [group for of_client in sessions.values() for group in of_client]
    answers = dict(zip((number for group in groups for number in group),
                       sum(at_once(lambda group: call([mails[number] for number in group]), groups), [])))
    return [answers[number] for number in range(len(mails))]
