# tests/deliver/files.mk - the client against peers by dialogue; next hops, routes, outcomes
deliver_test_libs = tests/libexpect.a smtpfwd/deliver/libdeliver.a smtpfwd/smtp/libsmtp.a \
	smtpfwd/runtime/libruntime.a mail/libmail.a base/libbase.a
check_PROGRAMS += tests/deliver/test_host tests/deliver/test_route
tests_deliver_test_host_SOURCES = %D%/test_host.c
tests_deliver_test_host_LDADD = $(deliver_test_libs) smtpfwd/runtime/libos.a
tests_deliver_test_route_SOURCES = %D%/test_route.c
tests_deliver_test_route_LDADD = $(deliver_test_libs) smtpfwd/runtime/libos.a
TESTS += tests/deliver/test_host tests/deliver/test_route
EXTRA_DIST += %D%/test_handover.c %D%/peer.c %D%/peer.h
