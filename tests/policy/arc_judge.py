#!/usr/bin/python3
# arc_judge.py - dkimpy says of mails on stdin what their chains of ARC are
#
# First lines "key NAME RECORD" and an empty line.  Each mail is a line "BYTES BELOW" and its bytes, of which the last BELOW are the mail
# as it was before the set on top was added.  A mail that was no good then in dkimpy's eyes is passed over.
# It answers "right: N of M" at the end, N being how many chains pass; and a line for each other.
import sys

import dkim

records = {}
mails = sys.stdin.buffer
while (line := mails.readline().rstrip(b"\n")):
    word, name, text = line.split(b" ", 2)
    records[name + b"."] = text



def verify(mail):
    try:
        cv, results, reason = dkim.ARC(mail, minkey=1024).verify(dnsfunc=lambda name, timeout=5: records.get(name))
        return cv, reason
    except Exception as error:
        return b"fail", repr(error)


n_right = n_judged = 0
while (line := mails.readline()):
    n_bytes, n_below = (int(word) for word in line.split())
    mail = mails.read(n_bytes)
    if verify(mail[-n_below:])[0] == b"fail":
        continue
    cv, reason = verify(mail)
    n_judged += 1
    n_right += cv == b"pass"
    if cv != b"pass":
        print("%s, %s: %r" % (cv, reason, mail[:1500]))
print("right: %d of %d" % (n_right, n_judged))
