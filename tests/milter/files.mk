# tests/milter/files.mk
milter_test_libraries = tests/libexpect.a milter/libpostfix.a base/libbase.a

check_PROGRAMS += tests/milter/test_socketmap
tests_milter_test_socketmap_SOURCES = %D%/test_socketmap.c
tests_milter_test_socketmap_LDADD = $(milter_test_libraries)
TESTS += tests/milter/test_socketmap

check_PROGRAMS += tests/milter/test_delegation
tests_milter_test_delegation_SOURCES = %D%/test_delegation.c
tests_milter_test_delegation_LDADD = $(milter_test_libraries)
TESTS += tests/milter/test_delegation

judging_libraries = tests/libexpect.a milter/libjudging.a mail/libmail.a smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a base/libbase.a \
	$(IDN2_LIBS) $(OPENSSL_LIBS) -lpthread
check_PROGRAMS += tests/milter/test_client tests/milter/test_fields tests/milter/test_errand
tests_milter_test_client_SOURCES = %D%/test_client.c
tests_milter_test_client_LDADD = $(judging_libraries)
tests_milter_test_fields_SOURCES = %D%/test_fields.c
tests_milter_test_fields_LDADD = $(judging_libraries)
tests_milter_test_errand_SOURCES = %D%/test_errand.c
tests_milter_test_errand_LDADD = $(judging_libraries)
TESTS += tests/milter/test_client tests/milter/test_fields tests/milter/test_errand

check_PROGRAMS += tests/milter/test_inquiries
tests_milter_test_inquiries_SOURCES = %D%/test_inquiries.c
tests_milter_test_inquiries_LDADD = milter/libservers.a smtpfwd/runtime/libruntime.a tests/sim/libsim.a tests/libexpect.a base/libbase.a $(OPENSSL_LIBS) -lpthread
TESTS += tests/milter/test_inquiries

check_PROGRAMS += tests/milter/test_socketmap_server
tests_milter_test_socketmap_server_SOURCES = %D%/test_socketmap_server.c
tests_milter_test_socketmap_server_LDADD = milter/libservers.a milter/libpostfix.a milter/libjudging.a tests/libexpect.a policy/libpolicy.a mail/libmail.a \
	smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a base/libbase.a $(IDN2_LIBS) $(OPENSSL_LIBS) -lpthread
TESTS += tests/milter/test_socketmap_server

check_PROGRAMS += tests/milter/test_policy_server
tests_milter_test_policy_server_SOURCES = %D%/test_policy_server.c
tests_milter_test_policy_server_LDADD = $(tests_milter_test_socketmap_server_LDADD)
TESTS += tests/milter/test_policy_server

check_PROGRAMS += tests/milter/test_servers
tests_milter_test_servers_SOURCES = %D%/test_servers.c milter/servers.c milter/servers.h milter/socket_group.c milter/socket_group.h
tests_milter_test_servers_LDADD = milter/libservers.a milter/libpostfix.a milter/libjudging.a policy/libpolicy.a mail/libmail.a \
	smtpfwd/runtime/libruntime.a tests/sim/libsim.a tests/libexpect.a base/libbase.a $(IDN2_LIBS) $(OPENSSL_LIBS) -lpthread
TESTS += tests/milter/test_servers

check_PROGRAMS += tests/milter/test_judging
tests_milter_test_judging_SOURCES = %D%/test_judging.c %D%/judging_stage.c %D%/judging_stage.h tests/policy/zone.c tests/policy/zone.h tests/policy/dkim_vectors.h
tests_milter_test_judging_LDADD = tests/libexpect.a milter/libjudging.a policy/libpolicy.a mail/libmail.a smtpfwd/runtime/libruntime.a \
	smtpfwd/runtime/libos.a base/libbase.a $(IDN2_LIBS) $(OPENSSL_LIBS) -lpthread
TESTS += tests/milter/test_judging
