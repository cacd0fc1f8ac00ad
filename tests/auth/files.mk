# tests/auth/files.mk - users files, verifiers, SASL exchanges, and how often they may be tried
auth_test_libs = tests/libexpect.a smtpfwd/auth/libauth.a smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a base/libbase.a \
	$(OPENSSL_LIBS) -lpthread

check_PROGRAMS += tests/auth/test_guesses tests/auth/test_sasl tests/auth/test_users
tests_auth_test_guesses_SOURCES = %D%/test_guesses.c
tests_auth_test_guesses_LDADD = $(auth_test_libs)
tests_auth_test_sasl_SOURCES = %D%/test_sasl.c
tests_auth_test_sasl_LDADD = $(auth_test_libs)
tests_auth_test_users_SOURCES = %D%/test_users.c
tests_auth_test_users_LDADD = $(auth_test_libs)
TESTS += tests/auth/test_guesses tests/auth/test_sasl tests/auth/test_users
