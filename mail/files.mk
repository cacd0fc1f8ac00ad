# mail/files.mk - the nouns of RFC 5321 and 5322: no I/O, no decisions
noinst_LIBRARIES += mail/libmail.a
mail_libmail_a_SOURCES = \
	%D%/address.c %D%/address.h %D%/date.c %D%/date.h %D%/domain.c %D%/domain.h \
	%D%/envelope.c %D%/envelope.h %D%/envelope_code.c %D%/header.c %D%/header.h \
	%D%/history.c %D%/history.h %D%/mail_id.c %D%/mail_id.h %D%/peer.c %D%/peer.h \
	%D%/reply.c %D%/reply.h %D%/status.c %D%/status.h %D%/trace.c %D%/trace.h \
	%D%/xtext.c %D%/xtext.h
