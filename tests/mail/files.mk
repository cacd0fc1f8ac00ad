# tests/mail/files.mk
check_PROGRAMS += tests/mail/test_xtext
tests_mail_test_xtext_SOURCES = %D%/test_xtext.c
tests_mail_test_xtext_LDADD = tests/libexpect.a mail/libmail.a base/libbase.a
TESTS += tests/mail/test_xtext
