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
check_PROGRAMS += tests/smtp/test_reply_read
tests_smtp_test_reply_read_SOURCES = %D%/test_reply_read.c
tests_smtp_test_reply_read_LDADD = $(smtp_test_libraries)
TESTS += tests/smtp/test_reply_read
check_PROGRAMS += tests/smtp/test_proxy
tests_smtp_test_proxy_SOURCES = %D%/test_proxy.c
tests_smtp_test_proxy_LDADD = $(smtp_test_libraries)
TESTS += tests/smtp/test_proxy
check_PROGRAMS += tests/smtp/test_ehlo
tests_smtp_test_ehlo_SOURCES = %D%/test_ehlo.c
tests_smtp_test_ehlo_LDADD = $(smtp_test_libraries)
TESTS += tests/smtp/test_ehlo
check_PROGRAMS += tests/smtp/test_command
tests_smtp_test_command_SOURCES = %D%/test_command.c
tests_smtp_test_command_LDADD = $(smtp_test_libraries)
TESTS += tests/smtp/test_command
check_PROGRAMS += tests/smtp/test_introduce
tests_smtp_test_introduce_SOURCES = %D%/test_introduce.c
tests_smtp_test_introduce_LDADD = $(smtp_test_libraries)
TESTS += tests/smtp/test_introduce
