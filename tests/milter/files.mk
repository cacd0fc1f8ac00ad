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
