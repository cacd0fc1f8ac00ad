# tests/story/files.mk - what became of each mail, in the simulated world; measure is run by hand
check_PROGRAMS += tests/story/test_story tests/story/measure
tests_story_parts = tests/libexpect.a smtpfwd/story/libstory.a smtpfwd/runtime/libruntime.a
tests_story_test_story_SOURCES = %D%/test_story.c
tests_story_test_story_LDADD = $(tests_story_parts) tests/sim/libsim.a mail/libmail.a tests/libexpect.a base/libbase.a \
	$(OPENSSL_LIBS) $(IDN2_LIBS) -lpthread
TESTS += tests/story/test_story
tests_story_measure_SOURCES = %D%/measure.c
tests_story_measure_LDADD = $(tests_story_parts) smtpfwd/runtime/libos.a mail/libmail.a base/libbase.a \
	$(OPENSSL_LIBS) $(IDN2_LIBS) -lpthread
