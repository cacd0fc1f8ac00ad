#!/usr/bin/python3
# dkimpy_judge.py - dkimpy says of mails on stdin whether each signature of theirs is right
#
# First a line for each key record, "NAME TEXT", and an empty line.  Each mail is a line "SIGNATURES BYTES" and its bytes.
# It answers "right: N" at the end, N being how many mails had that many signatures, all right; and a line for each other.
import sys

import dkim

records = {}
mails = sys.stdin.buffer
while (line := mails.readline().rstrip(b"\n")):
    name, text = line.split(b" ", 1)
    records[name] = text


def look_up(name, timeout=5):
    return records.get(name)


n_right = 0
number = 0
while (line := mails.readline()):
    n_signatures, n_bytes = (int(word) for word in line.split())
    mail = mails.read(n_bytes)
    try:
        message = dkim.DKIM(mail, minkey=1024)
        n_there = sum(1 for name, value in message.headers if name.lower() == b"dkim-signature")
        answers = [dkim.DKIM(mail, minkey=1024).verify(idx=i, dnsfunc=look_up) for i in range(n_there)]
    except Exception as error:
        answers, n_there = [repr(error)], -1
    if n_there == n_signatures and all(answer is True for answer in answers):
        n_right += 1
    else:
        print("mail %d: %d signatures, %s; %r" % (number, n_there, answers, mail[:300]))
    number += 1
print("right: %d" % n_right)
