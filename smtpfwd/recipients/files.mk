# smtpfwd/recipients/files.mk - what next hops said about their mailboxes, kept for an outage
noinst_LIBRARIES += smtpfwd/recipients/librecipients.a
smtpfwd_recipients_librecipients_a_SOURCES = \
	%D%/meaning.c %D%/meaning.h %D%/outage.c %D%/outage.h
