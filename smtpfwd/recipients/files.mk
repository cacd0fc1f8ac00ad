# smtpfwd/recipients/files.mk - what next hops said about their mailboxes, kept for an outage
noinst_LIBRARIES += smtpfwd/recipients/librecipients.a
smtpfwd_recipients_librecipients_a_SOURCES = \
	%D%/knowledge.c %D%/knowledge.h %D%/knowledge_inside.h %D%/knowledge_whole.c %D%/known_record.c %D%/known_record.h %D%/known_table.c %D%/known_table.h \
	%D%/known_file.c %D%/known_file.h %D%/recipients.c %D%/recipients.h \
	%D%/meaning.c %D%/meaning.h %D%/outage.c %D%/outage.h %D%/split.c %D%/split.h
