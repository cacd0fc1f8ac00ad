# tests/smtp/files.mk - the tests of the wire syntax
smtp_test_libraries = tests/libexpect.a smtpfwd/smtp/libsmtp.a mail/libmail.a base/libbase.a $(IDN2_LIBS)

check_PROGRAMS += tests/smtp/test_data
tests_smtp_test_data_SOURCES = %D%/test_data.c
tests_smtp_test_data_LDADD = $(smtp_test_libraries)
TESTS += tests/smtp/test_data
# the same of the scan that needs no SSE2
check_PROGRAMS += tests/smtp/test_data_portable
tests_smtp_test_data_portable_SOURCES = %D%/test_data.c smtpfwd/smtp/data.c
tests_smtp_test_data_portable_CPPFLAGS = $(AM_CPPFLAGS) -U__SSE2__
tests_smtp_test_data_portable_LDADD = tests/libexpect.a base/libbase.a
TESTS += tests/smtp/test_data_portable
