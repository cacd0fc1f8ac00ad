"""kept.py - mails that went through a filter, judged: signed as dkimpy finds it right, or verified rightly"""
import email
import os
import re

import dkim

from filters import AUTHSERV_ID, SELECTOR

SPOILED = 32            # of mails to be verified, those whose number this divides were changed after they were signed


def number_of(mail):
    return int(re.search(rb"^Subject: bench (\d+)", mail, re.M).group(1))


def is_signed(mail, record):
    asked = []

    def look_up(name, timeout=5):
        asked.append(name.decode())
        return record.encode()
    return dkim.verify(mail, dnsfunc=look_up) and asked == ["%s._domainkey.bench.example." % SELECTOR]


def results(mail):
    """By method, of the field that is ours: the topmost that bears our name."""
    for value in email.message_from_bytes(mail).get_all("Authentication-Results", []):
        if value.split(";")[0].strip() == AUTHSERV_ID:
            return dict(re.findall(r";\s*([a-z-]+)=([a-z]+)", value))
    return {}


def is_told(mail, want):
    """A result for each method."""
    found = results(mail)
    return all(found.get(method) == result for method, result in want.items())


def is_verified(mail, checks):
    return is_told(mail, dict(dict.fromkeys(checks, "pass"), dkim="fail" if number_of(mail) % SPOILED == 0 else "pass"))


def judge(directory, n_wanted, is_right):
    """Why the mails there are not what they should be, or ''."""
    mails = [open(directory + "/" + name, "rb").read() for name in os.listdir(directory)]
    if len(mails) != n_wanted:
        return "of %d mails %d were kept" % (n_wanted, len(mails))
    wrong = [number_of(mail) for mail in mails if not is_right(mail)]
    return "mails %s are not as they should be" % wrong[:10] if wrong else ""
