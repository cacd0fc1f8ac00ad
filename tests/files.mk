# tests/files.mk - the expectations every test is linked with; each folder below lists its own
check_LIBRARIES += tests/libexpect.a
tests_libexpect_a_SOURCES = %D%/expect.c %D%/expect.h
EXTRA_DIST += %D%/layers %D%/dist %D%/run %D%/tap

include tests/base/files.mk
include tests/mail/files.mk
include tests/policy/files.mk
include tests/runtime/files.mk
include tests/smtp/files.mk
include tests/auth/files.mk
include tests/queue/files.mk
include tests/deliver/files.mk
include tests/receive/files.mk
include tests/report/files.mk
include tests/story/files.mk
include tests/recipients/files.mk
include tests/control/files.mk
include tests/smtpfwd/files.mk
include tests/milter/files.mk
include tests/relay/files.mk
include tests/sim/files.mk
include tests/talk/files.mk
include tests/live/files.mk
include tests/fuzz/files.mk
include tests/bench/files.mk
include tests/count/files.mk
