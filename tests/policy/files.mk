# tests/policy/files.mk
check_PROGRAMS += tests/policy/test_policy
tests_policy_test_policy_SOURCES = %D%/test_policy.c
tests_policy_test_policy_LDADD = tests/libexpect.a policy/libpolicy.a mail/libmail.a base/libbase.a $(IDN2_LIBS)
TESTS += tests/policy/test_policy
check_PROGRAMS += tests/policy/test_settings
tests_policy_test_settings_SOURCES = %D%/test_settings.c
tests_policy_test_settings_LDADD = tests/libexpect.a policy/libpolicy.a base/libbase.a
TESTS += tests/policy/test_settings
check_PROGRAMS += tests/policy/test_dkim_canon
tests_policy_test_dkim_canon_SOURCES = %D%/test_dkim_canon.c
tests_policy_test_dkim_canon_LDADD = tests/libexpect.a policy/libpolicy.a mail/libmail.a base/libbase.a
TESTS += tests/policy/test_dkim_canon
check_PROGRAMS += tests/policy/test_spf_suite
tests_policy_test_spf_suite_SOURCES = %D%/test_spf_suite.c %D%/zone.c %D%/zone.h
tests_policy_test_spf_suite_LDADD = tests/libexpect.a policy/libpolicy.a mail/libmail.a base/libbase.a $(IDN2_LIBS) $(SPF2_LIBS)
TESTS += tests/policy/test_spf_suite
EXTRA_DIST += tests/vectors/README tests/vectors/rfc7208-lines tests/vectors/rfc7208-tests.yml tests/vectors/rfc7208-tests.LICENSE
