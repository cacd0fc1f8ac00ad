# mail/files.mk - the nouns of RFC 5321 and 5322: no I/O, no decisions
noinst_LIBRARIES += mail/libmail.a
mail_libmail_a_SOURCES = \
	%D%/address.c %D%/address.h %D%/auth_results.c %D%/auth_results.h \
	%D%/auth_results_find.c %D%/author.c %D%/author.h %D%/date.c %D%/date.h %D%/domain.c %D%/domain.h %D%/edits.c %D%/edits.h \
	%D%/envelope.c %D%/envelope.h %D%/envelope_code.c %D%/fold.c %D%/fold.h %D%/header.c %D%/header.h \
	%D%/history.c %D%/history.h %D%/identity.c %D%/identity.h %D%/lexical.c %D%/lexical.h %D%/mail_id.c %D%/mail_id.h %D%/peer.c %D%/peer.h %D%/peer_name.h \
	%D%/received_spf.c %D%/received_spf.h \
	%D%/reply.c %D%/reply.h %D%/status.c %D%/status.h %D%/trace.c %D%/trace.h \
	%D%/xtext.c %D%/xtext.h
