# smtpfwd/queue/files.mk - the store of mail: a log of segments, its index in memory, its schedule
noinst_LIBRARIES += smtpfwd/queue/libqueue.a
smtpfwd_queue_libqueue_a_SOURCES = \
	%D%/age.c %D%/commit.c %D%/commit.h %D%/compact.c %D%/damaged.c  %D%/draft.c \
	%D%/entry.c %D%/index.c %D%/index.h %D%/operate.c %D%/owed.c %D%/payment.c %D%/pieces.c %D%/pieces.h %D%/put.c %D%/queue.c \
	%D%/queue.h %D%/record.c %D%/record.h %D%/record_facts.c %D%/record_facts.h %D%/record_state.c %D%/record_state.h %D%/recover.c %D%/recover.h %D%/recover_files.c %D%/room.c %D%/scan.c %D%/scan.h %D%/schedule.c \
	%D%/schedule.h %D%/segment.c %D%/segment.h %D%/settle.c %D%/spool.c %D%/spool.h %D%/state.c %D%/store.h %D%/stored.c \
	%D%/withhold.c
EXTRA_DIST += %D%/README
