# tests/talk/files.mk - dialogues with the whole relay in the simulated world
tests_talk_files = \
	%D%/auth_off.talk %D%/bdat.talk %D%/line_ends.talk %D%/order.talk %D%/relaying.talk %D%/slow_client.talk %D%/usual.talk
EXTRA_DIST += $(tests_talk_files)

check_PROGRAMS += tests/talk/test_dialogues
tests_talk_test_dialogues_SOURCES = %D%/test_dialogues.c $(tests_relay_around)
tests_talk_test_dialogues_LDADD = $(tests_relay_parts)
TESTS += tests/talk/test_dialogues
