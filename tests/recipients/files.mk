# tests/recipients/files.mk - what is known of mailboxes
check_PROGRAMS += tests/recipients/test_meaning
tests_recipients_test_meaning_SOURCES = %D%/test_meaning.c
tests_recipients_test_meaning_LDADD = smtpfwd/recipients/librecipients.a mail/libmail.a tests/libexpect.a base/libbase.a $(IDN2_LIBS)
TESTS += tests/recipients/test_meaning
