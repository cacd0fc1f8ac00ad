# tests/report/files.mk
check_PROGRAMS += tests/report/test_dsn
tests_report_test_dsn_SOURCES = %D%/test_dsn.c
tests_report_test_dsn_LDADD = tests/libexpect.a smtpfwd/report/libreport.a mail/libmail.a base/libbase.a $(IDN2_LIBS)
TESTS += tests/report/test_dsn
check_PROGRAMS += tests/report/test_wording
tests_report_test_wording_SOURCES = %D%/test_wording.c
tests_report_test_wording_LDADD = tests/libexpect.a smtpfwd/report/libreport.a mail/libmail.a base/libbase.a $(IDN2_LIBS)
TESTS += tests/report/test_wording
check_PROGRAMS += tests/report/test_hostile
tests_report_test_hostile_SOURCES = %D%/test_hostile.c %D%/judge.c %D%/judge.h
tests_report_test_hostile_LDADD = tests/libexpect.a smtpfwd/report/libreport.a mail/libmail.a base/libbase.a $(IDN2_LIBS)
TESTS += tests/report/test_hostile
EXTRA_DIST += %D%/grammar.py
