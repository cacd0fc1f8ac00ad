# tests/count/files.mk - instructions of a mail, counted
EXTRA_DIST += %D%/README %D%/run %D%/callgrind.py %D%/figures
check_PROGRAMS += tests/count/relayed
tests_count_relayed_SOURCES = %D%/relayed.c tests/bench/message.c tests/bench/message.h $(tests_relay_around)
tests_count_relayed_LDADD = $(tests_relay_parts)
